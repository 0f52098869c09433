"""`python -m bench NAME… [--quick]`; called by `bin/bench`."""

import argparse
import importlib
import signal
import sys

from bench import house

NAMES = ("writing", "memory", "latency", "sqlite", "reading")
QUICK_SESSIONS = "20000"  # of `reading`, which has options of its own


def main(arguments: list[str]) -> int:
    """Run the benchmarks in turn; 0 unless one failed (a missed goal is not a failure)."""
    names = [word for word in arguments if word in NAMES]
    rest = [word for word in arguments if word not in NAMES]
    if {"-h", "--help"} & set(rest) and not names:
        print(f"bin/bench [{' '.join(NAMES)}] [--quick]; bin/bench NAME --help says more")
        return 0
    # Ended from outside, what a benchmark has started still has to be taken down.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    code = 0
    try:
        for name in names or NAMES:
            code = max(code, _reading(rest) if name == "reading" else _one(name, rest))
    except house.NoServers as problem:
        print(problem, file=sys.stderr)
        return 2
    return code


def _one(name: str, arguments: list[str]) -> int:
    module = importlib.import_module(f"bench.{name}")
    parser = argparse.ArgumentParser(prog=f"bin/bench {name}", description=module.__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size")
    module.add_arguments(parser)
    result: int = module.run(parser.parse_args(arguments))
    return result


def _reading(arguments: list[str]) -> int:
    from bench import reading  # noqa: PLC0415

    quick = ["--sessions", QUICK_SESSIONS] if "--quick" in arguments else []
    sys.argv = ["bin/bench reading", *quick, *(word for word in arguments if word != "--quick")]
    return reading.main()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
