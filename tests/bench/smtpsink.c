/*
 * smtpsink - epoll SMTP sink: accepts and drops all mail, as cheaply as it can.
 *
 *   smtpsink -p PORT [-c COUNTER_FILE] [-d DELAY_MS] [-q]
 *
 * Listens on 127.0.0.1.  COUNTER_FILE is a shared file of 4 KiB: uint64 messages, recipients, DATA bytes,
 * connections, MAIL commands.  A message counts before it is answered, so that what was accepted is never more than
 * what is counted.  -d holds back every final 250 (a next hop that is far away).  -q switches delayed ACKs off
 * (TCP_QUICKACK), so that relays which write DATA in small pieces without TCP_NODELAY do not lose 40 ms per message
 * to the loopback interface.  Runs until it is ended by a signal.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { INSZ = 65536, OUTSZ = 8192 };
enum { MESSAGES, RECIPIENTS, BYTES, CONNECTIONS, MAILS };

/* in_data: 0 commands, 1 at the start of DATA, 2 within it.  due: when its held 250 is to go, 0 when none is. */
struct conn { int fd, in_data, inlen, outlen; struct conn *next; double due; char in[INSZ], out[OUTSZ]; };

static const char *ehlo =
    "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 104857600\r\n";
static uint64_t *cnt;
static int ep, delay_ms, quick;
static struct conn *held, **held_tail = &held;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void flush_out(struct conn *c) {
    if (c->outlen && write(c->fd, c->out, c->outlen) != c->outlen) { /* the client is gone, or does not read */ }
    c->outlen = 0;
}

static void say(struct conn *c, const char *s) {
    int n = strlen(s);
    if (c->outlen + n > OUTSZ) flush_out(c);
    memcpy(c->out + c->outlen, s, n);
    c->outlen += n;
}

/* One DATA, as far as it has come; where reading goes on, or NULL when its end is not there yet (then *p is moved
 * to what must be kept for the next round). */
static char *data(struct conn *c, char **p, char *end) {
    char *dot = NULL;
    if (c->in_data == 1 && end - *p >= 3 && !memcmp(*p, ".\r\n", 3)) dot = *p - 2;      /* an empty message */
    if (!dot) dot = memmem(*p, end - *p, "\r\n.\r\n", 5);
    if (!dot) {
        if (end - *p > 4) { cnt[BYTES] += end - 4 - *p; *p = end - 4; c->in_data = 2; }
        return NULL;
    }
    cnt[BYTES] += dot + 2 - *p;
    c->in_data = 0;
    __atomic_add_fetch(&cnt[MESSAGES], 1, __ATOMIC_RELEASE);
    return dot + 5;
}

/* returns 0 when the connection is to be closed */
static int work(struct conn *c) {
    char *p = c->in, *end = c->in + c->inlen;
    while (p < end) {
        if (c->in_data) {
            char *after = data(c, &p, end);
            if (!after) break;
            p = after;
            if (delay_ms) {                              /* one message in flight per connection */
                c->due = now() + delay_ms / 1e3; c->next = NULL;
                *held_tail = c; held_tail = &c->next;
                break;
            }
            say(c, "250 2.0.0 Ok\r\n");
            continue;
        }
        char *nl = memchr(p, '\n', end - p);
        if (!nl) break;
        if (!strncasecmp(p, "EHLO", 4)) say(c, ehlo);
        else if (!strncasecmp(p, "DATA", 4)) { say(c, "354 go\r\n"); c->in_data = 1; }
        else if (!strncasecmp(p, "QUIT", 4)) { say(c, "221 2.0.0 bye\r\n"); flush_out(c); return 0; }
        else {
            if (!strncasecmp(p, "RCPT", 4)) cnt[RECIPIENTS]++;
            else if (!strncasecmp(p, "MAIL", 4)) cnt[MAILS]++;
            say(c, "250 2.1.0 Ok\r\n");
        }
        p = nl + 1;
    }
    c->inlen = end - p;
    memmove(c->in, p, c->inlen);
    if (!(c->due > 0)) flush_out(c);
    return 1;
}

static void accept_all(int listener) {
    int f, one = 1;
    while ((f = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
        setsockopt(f, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct conn *c = calloc(1, sizeof *c);
        c->fd = f;
        cnt[CONNECTIONS]++;
        struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
        epoll_ctl(ep, EPOLL_CTL_ADD, f, &e);
        say(c, "220 sink ESMTP\r\n");
        flush_out(c);
    }
}

static void on_readable(struct conn *c) {
    int one = 1;
    ssize_t r = read(c->fd, c->in + c->inlen, INSZ - c->inlen);
    if (r < 0 && errno == EAGAIN) return;
    if (r > 0) {
        c->inlen += r;
        if (quick) setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
    }
    if (r > 0 && (c->due > 0 || work(c))) return;
    close(c->fd);
    if (c->due > 0) c->fd = -1; else free(c);            /* the list of held ones still names it */
}

static void release_held(void) {
    while (held && held->due <= now()) {
        struct conn *c = held;
        held = c->next;
        if (!held) held_tail = &held;
        c->due = 0;
        if (c->fd < 0) { free(c); continue; }
        say(c, "250 2.0.0 Ok\r\n");
        if (!work(c)) { close(c->fd); free(c); }
    }
}

int main(int argc, char **argv) {
    int port = 0, o, one = 1;
    const char *file = NULL;
    while ((o = getopt(argc, argv, "p:c:d:q")) != -1) switch (o) {
        case 'p': port = atoi(optarg); break;     case 'c': file = optarg; break;
        case 'd': delay_ms = atoi(optarg); break; case 'q': quick = 1; break;
        default: return 2;
    }
    int fd = file ? open(file, O_RDWR | O_CREAT, 0644) : -1;
    if (file && (fd < 0 || ftruncate(fd, 4096))) { perror(file); return 1; }
    cnt = mmap(0, 4096, PROT_READ | PROT_WRITE, fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);
    if (cnt == MAP_FAILED) { perror("mmap"); return 1; }
    memset(cnt, 0, 4096);
    int ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (bind(ls, (void *)&a, sizeof a) || listen(ls, 1024)) { perror("bind"); return 1; }
    ep = epoll_create1(0);
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL }, ev[256];
    epoll_ctl(ep, EPOLL_CTL_ADD, ls, &e);
    for (;;) {
        int n = epoll_wait(ep, ev, 256, held ? 1 : -1);
        for (int i = 0; i < n; i++) {
            if (ev[i].data.ptr) on_readable(ev[i].data.ptr);
            else accept_all(ls);
        }
        release_held();
    }
}
