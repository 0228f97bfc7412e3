"""Newton's method for many cases of one network at once."""
