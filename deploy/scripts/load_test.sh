#!/usr/bin/env bash
# Asks one address many times: load_test.sh [-u URL] [-p PATH] [-c AT_ONCE] [-n REQUESTS] [-t MS] [-a CA_FILE]
#   -u URL  of the server, default http://127.0.0.1:5000        -p PATH  default /health
#   -c AT_ONCE  default 50, at most 300                         -n REQUESTS  default 1000
#   -t MS  fails when the 95th percentile is above it, default 500
# With HOTSWAP_TOKEN it is sent as a bearer token. Ends with 1 when an answer is no 2xx. Needs curl; ab and wrk go further.
set -euo pipefail

url=http://127.0.0.1:5000 path=/health at_once=50 requests=1000 most=500 ca=
while getopts 'u:p:c:n:t:a:h' option; do
  case $option in
    u) url=${OPTARG%/} ;;
    p) path=$OPTARG ;;
    c) at_once=$OPTARG ;;
    n) requests=$OPTARG ;;
    t) most=$OPTARG ;;
    a) ca=$OPTARG ;;
    *) sed -n '2,6s/^# //p' "$0"; exit 2 ;;
  esac
done
for number in "$at_once" "$requests" "$most"; do
  if ! [[ $number =~ ^[1-9][0-9]*$ ]]; then echo "-c, -n and -t are numbers above 0, not $number" >&2; exit 2; fi
done

more=()
if [[ -n $ca ]]; then more+=(--cacert "$ca"); fi
# The token goes by a file: other users can read arguments.
if [[ -n ${HOTSWAP_TOKEN:-} ]]; then
  headers=$(umask 077 && mktemp)
  trap 'rm -f "$headers"' EXIT
  printf 'authorization: Bearer %s\n' "$HOTSWAP_TOKEN" > "$headers"
  more+=(--header "@$headers")
fi
began=$(date +%s%N)
results=$(curl --silent --no-progress-meter --parallel --parallel-immediate --parallel-max "$at_once" --max-time 60 \
  "${more[@]}" --output /dev/null --write-out '%{http_code} %{time_total}\n' "$url$path?load_test=[1-$requests]" || true)
ended=$(date +%s%N)

printf '%s\n' "$results" | sort -k2 -n | awk -v ms="$(( (ended - began) / 1000000 + 1 ))" -v most="$most" '
  NF == 2 { times[++n] = $2 * 1000; codes[$1]++; if ($1 < 200 || $1 > 299) failed++ }
  function at(share) { i = int(n * share + 0.999999); return times[i < 1 ? 1 : i] }
  END {
    if (n == 0) { print "no request was answered"; exit 1 }
    printf "requests   %d in %.1f s, %.0f a second\n", n, ms / 1000, n * 1000 / ms
    printf "latency    p50 %.1f ms, p95 %.1f ms, p99 %.1f ms, longest %.1f ms\n", at(0.5), at(0.95), at(0.99), times[n]
    for (code in codes) printf "status     %s: %d\n", code, codes[code]
    if (failed > 0) printf "failed     %d\n", failed
    if (at(0.95) > most) printf "too slow   p95 is above %d ms\n", most
    exit failed > 0 || at(0.95) > most
  }'
