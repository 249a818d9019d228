#!/usr/bin/env bash
# Makes the secrets of an installation: generate_secrets.sh [-o FILE] [-k]
#   -o FILE  where they go, one NAME=value a line, mode 600; default deploy/.env. A file that is there is left alone.
#   -k       prints a Kubernetes Secret of them instead of writing a file
set -euo pipefail
cd "$(dirname "$0")/.."

file=.env
kubernetes=no
while getopts 'o:kh' option; do
  case $option in
    o) file=$OPTARG ;;
    k) kubernetes=yes ;;
    *) sed -n '2,4s/^# //p' "scripts/$(basename "$0")"; exit 2 ;;
  esac
done

random() { od -An -tx1 -N"$1" /dev/urandom | tr -d ' \n'; }

if [[ $kubernetes == yes ]]; then
  cat <<END
apiVersion: v1
kind: Secret
metadata:
  name: wasm-secrets
  namespace: wasm-system
type: Opaque
stringData:
  db-password: $(random 24)
  redis-password: $(random 24)
  minio-access-key: $(random 10)
  minio-secret-key: $(random 24)
  jwt-secret-key: $(random 48)
END
  exit 0
fi

if [[ -e $file ]]; then
  echo "$file is there already: its secrets are in use. Move it away to make new ones." >&2
  exit 1
fi
umask 077
part=$(mktemp "$file.XXXXXX")
trap 'rm -f "$part"' EXIT
cat > "$part" <<END
DB_PASSWORD=$(random 24)
REDIS_PASSWORD=$(random 24)
MINIO_ACCESS_KEY=$(random 10)
MINIO_SECRET_KEY=$(random 24)
JWT_SECRET_KEY=$(random 48)
API_SALT=$(random 24)
CERT_PASSWORD=$(random 24)
GRAFANA_ADMIN_PASSWORD=$(random 16)
END
mv -n "$part" "$file"
echo "secrets are in $file: keep it out of version control and backups that others read"
