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

# await_health PORT PID LOG SECONDS: wait until the instance answers /api/health with 200.
await_health() {
  local port=$1 pid=$2 log=$3 seconds=$4 began=$SECONDS
  until "${PYTHON:-python3}" bin/lib/healthcheck.py "$port" 2>/dev/null; do
    if ! kill -0 "$pid" 2>/dev/null; then
      echo "It ended before it answered:"
      tail -n 30 "$log"
      return 1
    fi
    if [ $((SECONDS - began)) -ge "$seconds" ]; then
      echo "No healthy answer on port $port within $seconds s:"
      tail -n 30 "$log"
      return 1
    fi
    sleep 0.2
  done
  echo "healthy after $((SECONDS - began)) s"
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
