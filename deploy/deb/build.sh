#!/bin/sh
# Build a Debian package from a wheel: an environment of its own under /opt/shiomi, so that
# installing needs no package index. Build on the Debian release that the package is for.
#
#   sh deploy/deb/build.sh dist/shiomi-0.1.0-py3-none-any.whl dist
set -eu

wheel=${1:?usage: build.sh WHEEL FOLDER}
folder=${2:?usage: build.sh WHEEL FOLDER}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
python=${PYTHON:-/usr/bin/python3}
version=$(basename "$wheel" | cut -d- -f2)${REVISION:+-$REVISION}
minor=$("$python" -c 'import sys; print(sys.version_info.minor)')
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"

PYTHON=$python DESTDIR=$root sh "$here/../install.sh" "$wheel" >/dev/null
rm -rf "$root/var"  # postinst makes the data's folder, so that the package does not own it
mkdir -p "$root/usr/lib/systemd" "$root/usr/bin" "$root/DEBIAN"
mv "$root/etc/systemd/system" "$root/usr/lib/systemd/system"
rmdir "$root/etc/systemd"
ln -s /opt/shiomi/bin/shiomi "$root/usr/bin/shiomi"
ln -sf /usr/bin/python3 "$root/opt/shiomi/bin/python3"

size=$(du -sk "$root" | cut -f1)
cat > "$root/DEBIAN/control" <<CONTROL
Package: shiomi
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: Shiomi <shiomi@example.org>
Depends: adduser, ca-certificates, python3 (>= 3.$minor), python3 (<< 3.$((minor + 1)))
Recommends: nginx | caddy
Section: web
Priority: optional
Installed-Size: $size
Description: weekly digest of developer communities, as a web site
 Collects threads, writes a digest in Japanese or English with every number
 checked against its source, and serves it behind a gate against crawlers.
CONTROL
printf '/etc/shiomi/shiomi.toml\n/etc/default/shiomi\n' > "$root/DEBIAN/conffiles"
install -m 755 "$here/postinst" "$here/prerm" "$here/postrm" "$root/DEBIAN/"

mkdir -p "$folder"
dpkg-deb --root-owner-group -Zzstd --build "$root" \
    "$folder/shiomi_${version}_$(dpkg --print-architecture).deb"
