#!/usr/bin/env bash
# What a report about an incident needs, as an archive on standard output:
#   collect-logs.sh [-s SINCE] > hotswap-debug-$(date +%Y%m%d).tar.gz
#   -s SINCE  how far back logs go, default 24h
# From whatever is here: docker compose, systemd, kubectl, and the server of HOTSWAP_SERVER with HOTSWAP_TOKEN. Passwords and
# tokens are taken out; read it before you hand it on.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)

since=24h
while getopts 's:h' option; do
  case $option in
    s) since=$OPTARG ;;
    *) sed -n '2,6s/^# //p' "$0"; exit 2 ;;
  esac
done
if ! [[ $since =~ ^[0-9]+[smh]$ ]]; then echo "-s is a number with s, m or h, not $since" >&2; exit 2; fi
if [[ -t 1 ]]; then echo "send it into a file: collect-logs.sh > debug.tar.gz" >&2; exit 2; fi

work=$(umask 077 && mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/logs"

redact() {
  local key='(passwords?|passwd|passphrases?|secrets?|tokens?|credentials?|salt|api[_-]?keys?|secret[_-]?key|private[_-]?key)'
  # First what has places of its own, then keys with their values: within JSON that is within JSON, in quotes, and without.
  local quote="[\"']" plain="[^\"'\\\\,;&}]"
  sed -E \
    -e 's#([a-z][a-z0-9+.-]*://[^:@/ "]*):[^ "<>]*@#\1:[redacted]@#Ig' \
    -e 's#(bearer )[A-Za-z0-9._~+/=-]+#\1[redacted]#Ig' \
    -e "s#((authorization|cookie)\\\\*$quote?[ ]*[=:][ ]*\\[?\\\\*$quote?)[^\"\\\\]+#\\1[redacted]#Ig" \
    -e "s#(hotswap-session=)[^;, \"'\\\\]+#\\1[redacted]#Ig" \
    -e 's#\beyJ[A-Za-z0-9_-]{5,}(\.[A-Za-z0-9_-]*)*#[redacted]#g' \
    -e "s#($key\\\\+\"[ ]*:[ ]*\\\\+\")([^\"]*\\\\{3}\")*[^\"]*(\"|\$)#\\1[redacted]\\\\\"#Ig" \
    -e "s#($key$quote?[ ]*[=:][ ]*\")(\\\\.|[^\"\\\\])*(\"|\$)#\\1[redacted]\"#Ig" \
    -e "s#($key$quote?[ ]*[=:][ ]*')[^']*('|\$)#\\1[redacted]'#Ig" \
    -e "s#((passwords?|passwd|passphrases?)[ ]*[=:][ ]*)$plain+#\\1[redacted]#Ig" \
    -e "s#($key$quote?[ ]*[=:][ ]*)[^\"'\\\\ ,;&}]+#\\1[redacted]#Ig"
}
# take NAME COMMAND...: what the command says, or why it could not
take() {
  local name=$1
  shift
  if ! { timeout 60 "$@" 2>&1 || echo "(ended with $?)"; } | redact > "$work/logs/$name"; then :; fi
}
has() { command -v "$1" > /dev/null 2>&1; }

take system.txt uname -a
take disk.txt df -h
take uptime.txt uptime
if has free; then take memory.txt free -m; fi
if has journalctl; then
  case $since in *h) back="$(( 10#${since%h} * 3600 ))" ;; *m) back="$(( 10#${since%m} * 60 ))" ;; *) back=${since%s} ;; esac
  for unit in hotswap-server wasm-edge-agent riptide-api; do
    take "journal-$unit.txt" journalctl --no-pager --unit "$unit" --since "-${back}s"
  done
fi
if has docker && docker compose version > /dev/null 2>&1; then
  for file in "$here"/docker-compose*.yml; do
    take "compose-$(basename "$file" .yml).txt" docker compose --file "$file" logs --no-color --since "$since"
  done
fi
if has kubectl; then
  take kubernetes-pods.txt kubectl get pods --namespace wasm-system --output wide
  take kubernetes-events.txt kubectl get events --namespace wasm-system
  take kubernetes-logs.txt kubectl logs --namespace wasm-system --selector app=wasm-orchestrator --since "$since" --prefix --tail -1
fi
if [[ -n ${HOTSWAP_SERVER:-} ]] && has curl; then
  printf 'authorization: Bearer %s\n' "${HOTSWAP_TOKEN:-}" > "$work/headers"
  for path in health api/v1/wasm/nodes api/v1/wasm/deployments api/v1/wasm/modules api/v1/wasm/routes; do
    take "api-${path##*/}.json" curl --silent --show-error --max-time 20 --header "@$work/headers" "${HOTSWAP_SERVER%/}/$path"
  done
fi
tar -C "$work" -czf - logs
