/*
 * smtpload - single-threaded epoll SMTP load generator with latency figures.
 *
 *   smtpload -p PORT [options]
 *     -h HOST          IPv4 address to connect to (127.0.0.1)
 *     -b ADDRESS       IPv4 address to connect from
 *     --class CLASS    personal (default) or bulk, see below
 *     -s SESSIONS      connections held at once (1)
 *     -m MESSAGES      how many to send in all (1000)
 *     -l BYTES         size of a message, header block included (2000)
 *     -k MESSAGES      per connection; 0 is no limit (0)
 *     -x               send MAIL, RCPT and DATA in one piece (PIPELINING)
 *     -a USER:PASSWORD authenticate each connection with AUTH PLAIN
 *     -d DOMAIN        of the senders (example.com)
 *     -S SENDERS       reverse-paths sender0 ... in turn (10)
 *     -R RECIPIENTS    size of the pool user0@example.org ..., in turn (1000000)
 *     -u               recipients drawn from all of the pool, not in turn
 *     -r RECIPIENTS    per message (1)
 *     -n CUSTOMERS     connections in turn of so many customers: number C comes from 127.64.0.0 + C and sends from
 *                      cC.DOMAIN
 *     -e SEED          of the words and the Message-IDs (1); the same seed, the same messages but for Date
 *     -c FILE          counter file of smtpsink -c: wait until it has got all that was accepted
 *     -t SECONDS       give up after so long (120)
 *
 * Class personal: no List-* field; Subject, To and body differ in every message, the body being words drawn by a
 * generator seeded with SEED and the message's number, so that no two messages are near-identical.
 * Class bulk: complete bulk mail; List-Id, List-Unsubscribe (https, one token per recipient), List-Unsubscribe-Post, a
 * text and an HTML part of styled paragraphs, each with a visible link to unsubscribe and the postal address. Its words
 * differ in every message too.
 *
 * Each message has a Message-ID of its own; the address of its first recipient stands in To.  The latency of a
 * connection's first message counts from connect().  Output: one line of JSON.  Exit status 0 when every message
 * was answered (accepted or refused), 1 when not, 2 for wrong use.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { IDLE, BANNER, EHLO, AUTH, MAIL, RCPT, DATA, BODY, FINAL, RSET, QUIT };
static const char *state_name[] = { "", "greeting", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "body", "dot", "RSET", "QUIT" };
enum { PERSONAL, BULK };
static const char *class_name[] = { "personal", "bulk" };

enum { WORDS = 2048, SLOT = 16, LINE = 70, MAX_FAILURES = 1000, COMMAND = 160, FIRST_CUSTOMER = 127 << 24 | 64 << 16 };

struct session {
    int fd, state, outlen, inlen, want_write;
    long sent_on_conn, seq, asked, answered;    /* RCPTs of this message */
    long customer;           /* whose connection it is, where there are several */
    size_t off, body_len;    /* off: bytes of out and body already written */
    double t0;
    char *body;
    char *out, in[4096];
};

static struct sockaddr_in addr, from_addr;
static int ep, pipelining, drawn, kind = PERSONAL;
static long per_conn, total = 1000, size = 2000, started, finished, ok, rejected, broken, failures;
static long senders = 10, rcpt_pool = 1000000, rcpts = 1, customers, connections;
static size_t out_room = 2048;
static uint64_t seed = 1;
static const char *domain = "example.com";
static char auth_line[1024], date[64], first_error[200];
static float *lat;
static char words[WORDS][SLOT];
static unsigned char word_len[WORDS];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* splitmix64: any seed is a good one, also 0, 1, 2 ... */
static uint64_t draw(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void make_words(void) {
    static const char *consonants = "bcdfghklmnprstvw", *vowels = "aeiou";
    uint64_t state = 0;      /* the vocabulary is always the same; the seed draws from it */
    for (int i = 0; i < WORDS; i++) {
        int syllables = 1 + draw(&state) % 4, n = 0;
        for (int j = 0; j < syllables; j++) {
            words[i][n++] = consonants[draw(&state) % 16];
            words[i][n++] = vowels[draw(&state) % 5];
            if (draw(&state) % 3 == 0) words[i][n++] = consonants[draw(&state) % 16];
        }
        words[i][n++] = ' ';
        word_len[i] = n;
    }
}

/* `want` bytes of lines of words at `to` (room: want + 2 * SLOT); their end.
 * Words begin with letters, so nothing needs dot-stuffing. */
static char *write_words(char *to, long want, uint64_t *state) {
    char *p = to, *end = to + (want > 1 ? want : 1), *line = p;
    while (p < end) {
        uint64_t r = draw(state);
        for (int i = 0; i < 5 && p < end; i++, r >>= 11) {
            int w = r % WORDS;
            memcpy(p, words[w], SLOT);
            p += word_len[w];
            if (p - line >= LINE && p + 2 < end) { p[-1] = '\r'; *p++ = '\n'; line = p; }
        }
    }
    return end;
}

/* `want` bytes of lines of words, then the end mark, at `to` (room: want + 2 * SLOT + 8); bytes written. */
static size_t write_text(char *to, long want, uint64_t state) {
    char *end = write_words(to, want - 2, &state);
    memcpy(end, "\r\n.\r\n", 5);
    return end + 5 - to;
}

/* The two parts of bulk mail for recipient `who`, `want` bytes of them, then the end mark (room: want + 4096). */
static size_t write_parts(char *to, long want, long who, uint64_t state) {
    static const char *paragraph = "<p style=\"margin:0 0 12px;color:#333333;font-size:14px\">\r\n";
    char link[160], tail[700], *p = to, *end;
    snprintf(link, sizeof link, "https://www.%s/u/%016lx", domain, who);
    int tail_len = snprintf(tail, sizeof tail,
        "</p>\r\n<hr>\r\n<p class=\"foot\">You get this mail because you asked for it.<br>\r\n"
        "Bench Ltd, 1 High Street, Exampletown<br>\r\n<a href=\"%s\">Unsubscribe</a></p>\r\n"
        "</td></tr></table></body></html>\r\n--parts--\r\n.\r\n", link);
    p += sprintf(p, "--parts\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n");
    p = write_words(p, want / 5, &state);
    p += sprintf(p, "\r\n\r\nBench Ltd, 1 High Street, Exampletown\r\nUnsubscribe: %s\r\n"
        "--parts\r\nContent-Type: text/html; charset=us-ascii\r\n\r\n<!doctype html>\r\n<html><head><style>\r\n"
        "body { font-family: sans-serif; color: #222222; background: #ffffff }\r\n"
        ".foot { font-size: 12px; color: #555555 }\r\n@media (max-width: 600px) { table { width: 100%% } }\r\n"
        "</style></head><body><table width=\"600\"><tr><td>\r\n", link);
    end = to + want - tail_len + 3;
    while (end - p > 1000) {
        p += sprintf(p, "%s", paragraph);
        p = write_words(p, 400, &state);
        p += sprintf(p, "</p>\r\n");
    }
    p += sprintf(p, "%s", paragraph);
    if (end > p) p = write_words(p, end - p, &state);
    memcpy(p, tail, tail_len);
    return p + tail_len - to;
}

static void base64(char *to, const unsigned char *from, size_t n) {
    static const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = from[i] << 16 | (i + 1 < n ? from[i + 1] << 8 : 0) | (i + 2 < n ? from[i + 2] : 0);
        *to++ = digits[v >> 18];
        *to++ = digits[v >> 12 & 63];
        *to++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
        *to++ = i + 2 < n ? digits[v & 63] : '=';
    }
    *to = 0;
}

static int set_auth(const char *text) {              /* RFC 4616: NUL user NUL password */
    unsigned char raw[512];
    size_t n = strlen(text);
    const char *colon = strchr(text, ':');
    if (!colon || n + 1 > sizeof raw) return 0;
    raw[0] = 0;
    memcpy(raw + 1, text, n);
    raw[1 + (colon - text)] = 0;
    strcpy(auth_line, "AUTH PLAIN ");
    base64(auth_line + 11, raw, n + 1);
    strcat(auth_line, "\r\n");
    return 1;
}

/* the number of a recipient of message s->seq */
static long recipient(const struct session *s, long which) {
    uint64_t n = (uint64_t)s->seq * rcpts + which, state = seed << 40 ^ n;
    return (drawn ? draw(&state) : n) % rcpt_pool;
}

/* the domain of the senders of this connection */
static const char *sender_domain(const struct session *s) {
    static char of_customer[128];
    if (!customers) return domain;
    snprintf(of_customer, sizeof of_customer, "c%ld.%s", s->customer, domain);
    return of_customer;
}

/* the header block of message s->seq, at `to`; its length */
static int write_head(char *to, size_t room, const struct session *s) {
    long who = recipient(s, 0), from = s->seq % senders;
    const char *domain = sender_domain(s);
    int n = snprintf(to, room,
        "Message-ID: <%llu.%ld@load.%s>\r\nDate: %s\r\nFrom: Sender %ld <sender%ld@%s>\r\n"
        "To: User %ld <user%ld@example.org>\r\nMIME-Version: 1.0\r\n%s",
        (unsigned long long)seed, s->seq, domain, date, from, from, domain, who, who,
        kind == BULK ? "Content-Type: multipart/alternative; boundary=\"parts\"\r\n" :
        "Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n");
    if (kind == PERSONAL) {
        uint64_t state = ~(seed << 32 | (uint64_t)s->seq);
        const char *a = words[draw(&state) % WORDS], *b = words[draw(&state) % WORDS];
        return n + snprintf(to + n, room - n, "Subject: %.*s %.*s %ld\r\n\r\n", (int)strcspn(a, " "), a,
                            (int)strcspn(b, " "), b, s->seq);
    }
    return n + snprintf(to + n, room - n,
        "Subject: Your weekly offers\r\nReply-To: help@%s\r\nList-Id: Weekly offers <weekly.%s>\r\n"
        "List-Unsubscribe: <https://www.%s/u/%016lx>, <mailto:unsubscribe@%s>\r\n"
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nFeedback-ID: c47:shop:weekly:load\r\n\r\n",
        domain, domain, domain, who, domain);
}

static void arm(struct session *s, int w) {
    if (s->want_write == w) return;
    s->want_write = w;
    struct epoll_event e = { .events = EPOLLIN | (w ? EPOLLOUT : 0), .data.ptr = s };
    epoll_ctl(ep, EPOLL_CTL_MOD, s->fd, &e);
}

static void conn_open(struct session *s) {
    int one = 1;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (customers) {
        s->customer = (seed * 7919 + connections++) % customers;     /* another seed begins with another customer */
        from_addr.sin_family = AF_INET;
        from_addr.sin_addr.s_addr = htonl(FIRST_CUSTOMER + s->customer);
    }
    if (from_addr.sin_family && bind(s->fd, (void *)&from_addr, sizeof from_addr) < 0) { perror("bind"); exit(1); }
    if (s->fd < 0 || (connect(s->fd, (void *)&addr, sizeof addr) < 0 && errno != EINPROGRESS)) {
        perror("connect");
        exit(1);
    }
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = s };
    epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &e);
    s->state = BANNER; s->inlen = 0; s->sent_on_conn = 0; s->want_write = 0; s->t0 = now();
}

static int flush_out(struct session *s) {            /* 1 all written, 0 later, -1 error */
    size_t tot = s->outlen + (s->state == BODY ? s->body_len : 0);
    while (s->off < tot) {
        struct iovec v[2];
        int n = 0;
        if (s->off < (size_t)s->outlen) v[n++] = (struct iovec){ s->out + s->off, s->outlen - s->off };
        if (s->state == BODY) {
            size_t done = s->off > (size_t)s->outlen ? s->off - s->outlen : 0;
            v[n++] = (struct iovec){ s->body + done, s->body_len - done };
        }
        ssize_t w = writev(s->fd, v, n);
        if (w < 0) {
            if (errno != EAGAIN) return -1;
            arm(s, 1);
            return 0;
        }
        s->off += w;
    }
    arm(s, 0);
    if (s->state == BODY) s->state = FINAL;
    return 1;
}

static int put(struct session *s, int state, const char *text) {
    s->state = state; s->off = 0;
    s->outlen = snprintf(s->out, out_room, "%s", text);
    return flush_out(s);
}

/* the next RCPT of message s->seq, at `to`; its length */
static int write_rcpt(char *to, size_t room, struct session *s) {
    return snprintf(to, room, "RCPT TO:<user%ld@example.org>\r\n", recipient(s, s->asked++));
}

static int next_message(struct session *s) {
    if (started >= total || (per_conn && s->sent_on_conn >= per_conn)) return put(s, QUIT, "QUIT\r\n");
    s->seq = started++;
    if (s->sent_on_conn++) s->t0 = now();
    s->asked = s->answered = 0;
    int n = snprintf(s->out, out_room, "MAIL FROM:<sender%ld@%s>\r\n", s->seq % senders, sender_domain(s));
    while (pipelining && s->asked < rcpts) n += write_rcpt(s->out + n, out_room - n, s);
    if (pipelining) n += snprintf(s->out + n, out_room - n, "DATA\r\n");
    s->state = MAIL; s->off = 0; s->outlen = n;
    return flush_out(s);
}

static int send_message(struct session *s) {
    s->state = BODY; s->off = 0;
    s->outlen = write_head(s->out, out_room, s);
    uint64_t state = seed << 32 | (uint64_t)s->seq;
    if (kind == PERSONAL) s->body_len = write_text(s->body, size - s->outlen, state);
    else s->body_len = write_parts(s->body, size - s->outlen, recipient(s, 0), state);
    return flush_out(s);
}

static void message_done(struct session *s, int good) {
    if (good) lat[ok++] = now() - s->t0; else rejected++;
    finished++;
}

static int refused(struct session *s, int code, const char *line) {
    if (!first_error[0]) {
        snprintf(first_error, sizeof first_error, "%s: %.150s", state_name[s->state], line);
        for (char *p = first_error; *p; p++)             /* it goes into JSON, and ends in CR */
            if (*p == '"' || *p == '\\' || *p < 32 || *p > 126) *p = p[1] ? '?' : 0;
    }
    if (s->state <= AUTH || s->state == RSET || s->state == QUIT) return -1;
    message_done(s, 0);
    if (code == 421 || (pipelining && s->state != FINAL)) {   /* simplest way to be in step again: hang up */
        s->state = QUIT;
        return -1;
    }
    return put(s, RSET, "RSET\r\n");
}

static int on_reply(struct session *s, const char *line) {
    char b[256];
    int code = atoi(line), want = s->state == DATA ? 3 : 2;
    if (code / 100 != want) return refused(s, code, line);
    switch (s->state) {
    case BANNER: return put(s, EHLO, "EHLO load.example\r\n");
    case EHLO: if (auth_line[0]) return put(s, AUTH, auth_line); /* fall through */
    case AUTH: failures = 0; /* fall through */
    case RSET: return next_message(s);
    case MAIL:
        if (pipelining) { s->state = RCPT; return 1; }
        write_rcpt(b, sizeof b, s);
        return put(s, RCPT, b);
    case RCPT:
        if (++s->answered < rcpts) {
            if (pipelining) return 1;
            write_rcpt(b, sizeof b, s);
            return put(s, RCPT, b);
        }
        if (pipelining) { s->state = DATA; return 1; }
        return put(s, DATA, "DATA\r\n");
    case DATA: return send_message(s);
    case FINAL: message_done(s, 1); return next_message(s);
    }
    return -1;                                       /* reply to QUIT */
}

static void conn_close(struct session *s) {
    if (s->state >= MAIL && s->state <= FINAL) { broken++; finished++; }
    if (s->state >= BANNER && s->state <= AUTH) { failures++; usleep(1000); }
    close(s->fd); s->fd = -1; s->state = IDLE;
    if (started < total && failures < MAX_FAILURES) conn_open(s);
}

static void on_event(struct session *s, uint32_t ev) {
    if ((ev & EPOLLOUT) && flush_out(s) < 0) { conn_close(s); return; }
    if (!(ev & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    ssize_t n = read(s->fd, s->in + s->inlen, sizeof s->in - s->inlen - 1);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) { conn_close(s); return; }
    s->inlen += n; s->in[s->inlen] = 0;
    char *p = s->in, *e;
    while ((e = memchr(p, '\n', s->inlen - (p - s->in)))) {
        *e = 0;
        int more = e - p >= 4 && p[3] == '-';        /* of a reply of several lines the last one counts */
        if (!more && on_reply(s, p) < 0) { conn_close(s); return; }
        p = e + 1;
    }
    s->inlen -= p - s->in;
    memmove(s->in, p, s->inlen);
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static int usage(const char *why) {
    fprintf(stderr, "smtpload: %s; its use stands at the head of smtpload.c\n", why);
    return 2;
}

int main(int argc, char **argv) {
    static const struct option names[] = { { "class", required_argument, NULL, 'C' }, { NULL, 0, NULL, 0 } };
    const char *host = "127.0.0.1", *counter = NULL;
    int port = 0, sessions = 1, c;
    double limit = 120;
    while ((c = getopt_long(argc, argv, "h:b:p:s:m:l:k:xa:d:S:R:ur:n:e:c:t:", names, NULL)) != -1) switch (c) {
        case 'b':
            from_addr.sin_family = AF_INET;
            if (inet_pton(AF_INET, optarg, &from_addr.sin_addr) != 1) return usage("-b needs an IPv4 address");
            break;
        case 'h': host = optarg; break;           case 'p': port = atoi(optarg); break;
        case 's': sessions = atoi(optarg); break; case 'm': total = atol(optarg); break;
        case 'l': size = atol(optarg); break;     case 'k': per_conn = atol(optarg); break;
        case 'x': pipelining = 1; break;          case 'd': domain = optarg; break;
        case 'S': senders = atol(optarg); break;  case 'R': rcpt_pool = atol(optarg); break;
        case 'u': drawn = 1; break;               case 'r': rcpts = atol(optarg); break;
        case 'n': customers = atol(optarg); break;
        case 'e': seed = strtoull(optarg, NULL, 10); break;
        case 'c': counter = optarg; break;        case 't': limit = atof(optarg); break;
        case 'a': if (!set_auth(optarg)) return usage("-a needs USER:PASSWORD"); break;
        case 'C':
            if (!strcmp(optarg, "bulk")) kind = BULK;
            else if (strcmp(optarg, "personal")) return usage("--class is personal or bulk");
            break;
        default: return usage("unknown option");
    }
    addr.sin_family = AF_INET; addr.sin_port = htons(port);
    if (port < 1 || sessions < 1 || total < 1 || senders < 1 || rcpt_pool < 1 || strlen(domain) > 100
        || rcpts < 1 || rcpts > 100000 || customers < 0 || customers > 4000000
        || inet_pton(AF_INET, host, &addr.sin_addr) != 1) return usage("a value is missing or out of range");
    time_t t_now = time(NULL);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", gmtime(&t_now));
    make_words();
    lat = calloc(total + 1, sizeof *lat);
    ep = epoll_create1(0);
    volatile uint64_t *cnt = NULL;
    uint64_t c0 = 0;
    if (counter) {
        int fd = open(counter, O_RDONLY);
        if (fd < 0) { perror(counter); return 2; }
        cnt = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
        c0 = *cnt;
    }
    struct session *ss = calloc(sessions, sizeof *ss);
    size_t room = size + 4096;
    out_room += rcpts * COMMAND;
    double t = now();
    for (int i = 0; i < sessions; i++) {
        ss[i].body = malloc(room);
        ss[i].out = malloc(out_room);
        conn_open(ss + i);
    }
    while (finished < total && failures < MAX_FAILURES && now() - t < limit) {
        struct epoll_event ev[256];
        int n = epoll_wait(ep, ev, 256, 1000);
        for (int i = 0; i < n; i++) on_event(ev[i].data.ptr, ev[i].events);
    }
    double el = now() - t, del = 0;
    if (cnt) {
        while (*cnt - c0 < (uint64_t)ok && now() - t < limit) usleep(2000);
        if (*cnt - c0 >= (uint64_t)ok) del = now() - t;
    }
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    qsort(lat, ok, sizeof *lat, by_value);
    printf("{\"class\":\"%s\",\"bytes\":%ld,\"sessions\":%d,\"per_connection\":%ld,\"pipelining\":%s,\"auth\":%s,"
           "\"seed\":%llu,\"messages\":%ld,\"ok\":%ld,\"rejected\":%ld,\"broken\":%ld,\"failed_connections\":%ld,"
           "\"secs\":%.3f,\"rate\":%.1f,\"drained_rate\":%.1f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f,"
           "\"load_cpu\":%.2f,\"error\":\"%s\"}\n",
           class_name[kind], size, sessions, per_conn, pipelining ? "true" : "false", auth_line[0] ? "true" : "false",
           (unsigned long long)seed, total, ok, rejected, broken, failures, el, ok / el, del > 0 ? ok / del : 0.0,
           ok ? lat[ok / 2] * 1e3 : 0, ok ? lat[ok * 99 / 100] * 1e3 : 0, ok ? lat[ok - 1] * 1e3 : 0,
           ru.ru_utime.tv_sec + ru.ru_stime.tv_sec + (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6, first_error);
    return finished < total;
}
