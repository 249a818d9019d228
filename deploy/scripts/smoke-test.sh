#!/usr/bin/env bash
# Six checks of a running installation: smoke-test.sh ENVIRONMENT [-u URL] [-m MODULE] [-f FUNCTION] [-b BODY] [-k KEYS]
#                                                     [-t MS] [-l LOG_FILE] [-a CA_FILE]
#   ENVIRONMENT   development, staging or production; SMOKE_URL_PRODUCTION and so on name its server, or -u
#   -m MODULE     that is called, -f FUNCTION of it (default health_check), -b BODY of the call (default {})
#   -k KEYS       names with commas between that have to be in the answer, e.g. links,media,language,categories
#   -t MS         the longest that the call may take, default 1000
#   -l LOG_FILE   log that must hold no error; without it the journal of hotswap-server is read
# HOTSWAP_TOKEN is the key of a caller with the role invoker. Ends with 1 when a check fails.
set -euo pipefail

environment=${1:?name the environment: development, staging or production}
shift
if ! [[ $environment =~ ^(development|staging|production)$ ]]; then
  echo "the environment is development, staging or production, not $environment" >&2
  exit 2
fi
variable=SMOKE_URL_${environment^^}
url=${!variable:-http://127.0.0.1:5000}
module=${SMOKE_MODULE:-} function=health_check body='{}' keys=result most=1000 log='' ca=
while getopts 'u:m:f:b:k:t:l:a:h' option; do
  case $option in
    u) url=$OPTARG ;;
    m) module=$OPTARG ;;
    f) function=$OPTARG ;;
    b) body=$OPTARG ;;
    k) keys=$OPTARG ;;
    t) most=$OPTARG ;;
    l) log=$OPTARG ;;
    a) ca=$OPTARG ;;
    *) sed -n '2,9s/^# //p' "$0"; exit 2 ;;
  esac
done
if [[ -z $module ]]; then echo "name the module to call: -m MODULE" >&2; exit 2; fi
url=${url%/}

work=$(umask 077 && mktemp -d)
trap 'rm -rf "$work"' EXIT
printf 'authorization: Bearer %s\n' "${HOTSWAP_TOKEN:-}" > "$work/headers"
ask() { curl --silent --max-time 30 ${ca:+--cacert "$ca"} --header "@$work/headers" "$@"; }

failed=0
check() { # TEXT STATUS REASON
  if [[ $2 == 0 ]]; then echo "ok      $1"; else echo "FAILED  $1: $3"; failed=1; fi
}

health=$(ask "$url/health" || true)
[[ $health == *'"Healthy"'* ]] && status=0 || status=1
check "the service answers that it is healthy" "$status" "${health:-no answer from $url/health}"

call=$(ask --request POST --header 'content-type: application/json' --data "$body" --output "$work/answer" \
  --write-out '%{http_code} %{time_total}' "$url/api/v1/wasm/modules/$module/functions/$function/invoke" || true)
code=${call%% *} took=${call##* }
answer=$(cat "$work/answer" 2> /dev/null || true)
[[ $code == 200 ]] && status=0 || status=1
check "a call of $module is processed" "$status" "status $code ${answer:0:300}"

[[ $answer == '{'*'"result"'*'}' && $answer != *'"result":null'* ]] && status=0 || status=1
check "it returns data" "$status" "${answer:0:300}"

missing=
IFS=, read -r -a names <<< "$keys"
for name in "${names[@]}"; do
  if [[ $answer != *"\"$name\""* ]]; then missing+=" $name"; fi
done
[[ -z $missing ]] && status=0 || status=1
check "what has to be in it is there" "$status" "without$missing"

took_ms=$(awk -v took="${took:-999}" 'BEGIN { printf "%d", took * 1000 }')
(( took_ms <= most )) && status=0 || status=1
check "it took $took_ms ms" "$status" "more than $most ms"

if [[ -n $log ]]; then errors=$(grep -cE '"level":(50|60)|\bERROR\b|\bFATAL\b' "$log" || true)
elif command -v journalctl > /dev/null 2>&1; then
  # Who may not read it is shown an empty one.
  if [[ -z $(journalctl --no-pager --quiet --unit hotswap-server --lines 1 --output cat 2> /dev/null || true) ]]; then
    errors='nothing to read in the journal of hotswap-server; run it as somebody who may, or name a log with -l: none'
  else
    errors=$(journalctl --no-pager --unit hotswap-server --since '-10min' 2> /dev/null | grep -cE '"level":(50|60)' || true)
  fi
else errors='no log to read, name one with -l:'
fi
[[ $errors == 0 ]] && status=0 || status=1
check "the log holds no errors" "$status" "$errors found"
exit $failed
