"""What holds for all tests."""

from hypothesis import settings

# The machine may be slow; a property is not about time.
settings.register_profile("postern", deadline=None)
settings.load_profile("postern")
