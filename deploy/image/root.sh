#!/bin/sh
# What is in the image: the program, the certificate authorities of the machine that builds it, a name
# for the number that it runs as, and folders to mount on. A company's own authority: mount a bundle
# and set SSL_CERT_FILE.
#   root.sh PROGRAM FOLDER
set -eu
program=$1
root=$2

# A program that wants a loader would not start in an empty image: better to fail here.
if readelf --program-headers --wide "$program" | grep -q INTERP; then
  echo "$program is not static: build it for a musl target" >&2
  exit 1
fi

mkdir -p "$root/usr/local/bin" "$root/etc/ssl/certs" "$root/config" "$root/data" "$root/tmp"
cp "$program" "$root/usr/local/bin/kubekuma"
chmod 0755 "$root/usr/local/bin/kubekuma"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo 'kubekuma:x:65532:65532::/nonexistent:/sbin/nologin' >"$root/etc/passwd"
echo 'kubekuma:x:65532:' >"$root/etc/group"
chown 65532:65532 "$root/data"
chmod 1777 "$root/tmp"
