"""What a terminal shows that does not know every character."""

import os
import subprocess
import sys


def test_characters_that_a_terminal_lacks_are_escaped():
    """Ids of courses are Chinese; a console of Windows-1252 ended in a traceback."""
    code = "import training.cli, sys; sys.stdout.write('Z\u00fcrich \u8bfe\\n')"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        check=True,
    )
    assert shown.stdout == "Z\u00fcrich \\u8bfe\n".encode("cp1252")
