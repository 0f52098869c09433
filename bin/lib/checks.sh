# shellcheck shell=bash
# Sourced by the checks that start the product in a clean folder. Each function returns non-zero, and says why, on failure.

# What a bare clone would hold, with the changes that are not committed yet: everything that git does not ignore.
copy_checkout() {
  mkdir -p "$1"
  git ls-files -z --cached --others --exclude-standard |
    tar --create --null --ignore-failed-read --files-from=- 2>/dev/null | tar --extract --directory="$1"
}

free_port() {
  "${PYTHON:-python3}" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# await WHAT SECONDS PID LOG COMMAND...: wait until the command succeeds. A traceback in the log is reason enough to give up.
await() {
  local what=$1 seconds=$2 pid=$3 log=$4 began=$SECONDS problem=
  shift 4
  until "$@" >/dev/null 2>&1; do
    if ! kill -0 "$pid" 2>/dev/null; then
      problem="it ended"
    elif grep -q Traceback "$log"; then
      problem="it printed a traceback"
    elif [ $((SECONDS - began)) -ge "$seconds" ]; then
      problem="$seconds s went by"
    fi
    if [ -n "$problem" ]; then
      echo "Not $what: $problem. Its last words:"
      tail -n 40 "$log"
      return 1
    fi
    sleep 0.2
  done
  echo "$what after $((SECONDS - began)) s"
}

is_healthy() {
  "${PYTHON:-python3}" bin/lib/healthcheck.py "$1"
}

# ends_well PID LOG SIGNAL CODE...: the signal ends it with one of the codes, and without a traceback.
ends_well() {
  local pid=$1 log=$2 signal=$3 code=0
  shift 3
  kill -s "$signal" "$pid"
  wait "$pid" || code=$?
  case " $* " in
    *" $code "*) ;;
    *)
      echo "After SIG$signal it ended with code $code:"
      tail -n 30 "$log"
      return 1
      ;;
  esac
  if grep -q Traceback "$log"; then
    echo "It printed a traceback:"
    grep -A 30 -m 1 Traceback "$log"
    return 1
  fi
  echo "SIG$signal ended it with code $code"
}

# For the EXIT trap: end an instance in good order, else by force.
put_away() {
  if [ -n "$1" ] && kill -TERM "$1" 2>/dev/null; then
    for _ in $(seq 50); do
      kill -0 "$1" 2>/dev/null || return 0
      sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null || true
  fi
}
