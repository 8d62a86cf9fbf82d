#!/bin/sh
# Write the root of the image: Shiomi, Python, and the libraries that both load. No shell, no apt.
# Run as root in a Debian in which the package of Shiomi is installed.
#
#   sh deploy/image.sh /image
set -eu

image=${1:?usage: image.sh FOLDER}
python=$(readlink -f /usr/bin/python3)
name=$(basename "$python")  # python3.11
mkdir -p "$image/usr/bin" "$image/usr/lib" "$image/usr/lib64" "$image/etc" "$image/tmp"
chmod 1777 "$image/tmp"
for folder in bin lib lib64; do ln -s "usr/$folder" "$image/$folder"; done

copy() { while read -r file; do [ ! -f "$file" ] || cp --archive --parents "$file" "$image"; done; }
packages="$name-minimal lib$name-minimal lib$name-stdlib"
# shellcheck disable=SC2086 - one word for each package
dpkg -L $packages | grep -v -e ^/usr/share -e __pycache__ -e /lib2to3/ -e /pydoc_data/ | copy
find /opt/shiomi -path "*/__pycache__" -prune -o -print | copy
find /etc/shiomi /etc/ssl/certs/ca-certificates.crt /etc/passwd /etc/group | copy
ln -sf "$name" "$image/usr/bin/python3"
find /opt/shiomi "/usr/lib/$name" "$python" -type f \( -name '*.so*' -o -perm -100 \) \
    -exec ldd {} + 2>/dev/null | grep -o '/[^ ]*lib[^ ]*' | grep -v -e ^/opt -e ':$' | sort -u \
    | while read -r file; do cp --dereference --parents "$file" "$image"; done
install -d -o shiomi -g shiomi -m 750 "$image/var/lib/shiomi"
