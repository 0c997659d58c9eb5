"""What all rooms' tests share: Ctrl-C reaches child processes even where a shell runs the tests in its background.

Such a shell lets SIGINT be ignored, and a child process inherits that; a handler is not inherited.
"""

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
