"""What the checks of deploy/ need, and how one ends that lacks it: exit code 77, "skipped" to ctest."""
import sys


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


try:
    import yaml  # noqa: F401, for those who import it from here
except ImportError:
    skip("python3-yaml is not installed")
