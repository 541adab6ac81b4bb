#!/bin/sh
# Certificates for the network between the services (database, queue, file store): an authority of this town's own, used nowhere else.
# Run once beside compose.yaml, and again before the year is over; then restart the services. Usage: ./inside_certs.sh [folder]
set -eu
umask 077
folder=${1:-secrets}
mkdir -p "$folder"
cd "$folder"
[ -f inside_ca.key ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
    -subj "/CN=Xunan inside" -keyout inside_ca.key -out inside_ca.crt 2>/dev/null
for name in database queue files; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" -keyout "$name.key" -out "$name.csr" 2>/dev/null
    printf 'subjectAltName=DNS:%s,DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' "$name" >"$name.ext"
    openssl x509 -req -in "$name.csr" -CA inside_ca.crt -CAkey inside_ca.key -CAcreateserial -days 397 -extfile "$name.ext" -out "$name.crt" 2>/dev/null
    rm "$name.csr" "$name.ext"
done
# The services of the images run as users of their own: what they read is theirs. The authority's key is read by nobody but root.
[ "$(id -u)" != 0 ] || chown 999:999 database.key queue.key
chmod 644 ./*.crt
