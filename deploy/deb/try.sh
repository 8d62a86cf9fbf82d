#!/bin/sh
# Install, use, upgrade, remove and purge the package in a fresh Debian root, then install from the
# wheel with install.sh. Run as root; needs debootstrap. Takes the Debian mirror from apt's settings.
#
#   sh deploy/deb/try.sh dist/shiomi_0.1.0_amd64.deb dist/shiomi-0.1.0-py3-none-any.whl [FOLDER]
#
# FOLDER keeps the fresh root, so that the next run need not download it.
set -eu

deb=${1:?usage: try.sh DEB WHEEL [FOLDER]}
wheel=${2:?usage: try.sh DEB WHEEL [FOLDER]}
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
work=$(mktemp -d)
base=${3:-$work/base}
root=$work/root
cleanup() {
    umount "$root/proc" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' \
    | awk -v r="$release" '$1 == "Debian" && $2 == r { print $3; exit }')

step() { printf '%s  %s\n' "$(date +%T)" "$*"; }
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    DEBIAN_FRONTEND=noninteractive "$@"; }
offline() { unshare -n chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    DEBIAN_FRONTEND=noninteractive "$@"; }
fresh() {
    umount "$root/proc" 2>/dev/null || true
    rm -rf "$root" && cp -a "$base" "$root"
    mount -t proc proc "$root/proc" 2>/dev/null || true
}
# Start the service's own command as its user, and fetch the digest of the demo.
serve() {
    inside runuser -u shiomi -- sh -c 'cd /var/lib/shiomi && [ -e shiomi.sqlite3 ] || {
        shiomi demo --out demo >/dev/null && cp demo/shiomi.sqlite3 .; }'
    inside sh -c '. /etc/default/shiomi; echo $$ > /tmp/pid; export STATE_DIRECTORY=/tmp
        exec setpriv --reuid shiomi --regid shiomi --init-groups /opt/shiomi/bin/shiomi \
            -c /etc/shiomi/shiomi.toml serve --port 18400 $SHIOMI_SERVE_OPTIONS' \
        >"$work/serve.log" 2>&1 &
    server=$!
    inside /opt/shiomi/bin/python -c '
import time, urllib.request
for _ in range(300):
    try:
        page = urllib.request.urlopen("http://127.0.0.1:18400/atom.xml").read()
        break
    except OSError:
        time.sleep(0.2)
assert page.count(b"<entry>") == 2, page[:200]' || { cat "$work/serve.log"; exit 1; }
    kill -TERM "$(cat "$root/tmp/pid")"
    wait "$server" || true
}

if [ ! -d "$base" ]; then
    step "debootstrap $release"
    debootstrap --variant=minbase --include=adduser,ca-certificates,python3,python3-venv "$release" "$base" \
        "$mirror" >/dev/null
fi

fresh
cp "$deb" "$root/tmp/shiomi.deb"
step "install without a network"
offline dpkg -i /tmp/shiomi.deb >/dev/null
step "serve the demo's two weeks"
serve
step "image: run the demo, serve it, ask for its health"
cp -r "$here" "$root/tmp/deploy"
inside sh /tmp/deploy/image.sh /image >/dev/null
size=$(tar -cf - -C "$root/image" . | wc -c)
[ "$size" -le 200000000 ] || { echo "the image has $size bytes"; exit 1; }
owner=$(stat -c %u:%g "$root/image/var/lib/shiomi")
image() { env -i PATH=/opt/shiomi/bin:/usr/bin STATE_DIRECTORY=/tmp \
    PYTHONPYCACHEPREFIX=/var/lib/shiomi/.compiled \
    /usr/sbin/chroot --userspec="$owner" "$root/image" "$@"; }
image shiomi demo --out /var/lib/shiomi/demo >/dev/null
image shiomi -c /var/lib/shiomi/demo/shiomi.toml serve --port 18401 & server=$!
image python -c '
import time, urllib.request
for _ in range(300):
    try:
        assert urllib.request.urlopen("http://127.0.0.1:18401/healthz").read() == b"ok\n"
        break
    except OSError:
        time.sleep(0.2)
else:
    raise SystemExit("the image does not serve")'
kill "$server"
wait "$server" || true
step "upgrade: changed settings stay"
echo '# mine' >> "$root/etc/shiomi/shiomi.toml"
dpkg-deb -R "$deb" "$work/newer"
sed -i 's/^Version: .*/&+1/' "$work/newer/DEBIAN/control"
dpkg-deb --root-owner-group -Znone --build "$work/newer" "$root/tmp/newer.deb" >/dev/null
offline dpkg -i /tmp/newer.deb >/dev/null
grep -q '# mine' "$root/etc/shiomi/shiomi.toml"
serve
step "remove: settings and data stay"
offline dpkg -r shiomi >/dev/null
[ ! -e "$root/opt/shiomi" ] && [ -e "$root/etc/shiomi/shiomi.toml" ]
[ -e "$root/var/lib/shiomi/shiomi.sqlite3" ]
step "purge: data stay unless asked"
offline dpkg -P shiomi >/dev/null 2>&1
[ ! -e "$root/etc/shiomi/shiomi.toml" ] && [ -e "$root/var/lib/shiomi/shiomi.sqlite3" ]
offline dpkg -i /tmp/shiomi.deb >/dev/null
offline env SHIOMI_PURGE_DATA=yes dpkg -P shiomi >/dev/null
[ ! -e "$root/var/lib/shiomi" ]

step "install.sh with the wheel"
fresh
cp -r "$here" "$root/tmp/deploy"
cp "$wheel" "$root/tmp/"
"${PYTHON:-python3}" -m pip download --quiet --dest "$root/tmp/house" "$wheel[site,gate,notify]"
install_sh() {
    inside env PIP_NO_INDEX=1 PIP_FIND_LINKS=/tmp/house \
        sh /tmp/deploy/install.sh "/tmp/$(basename "$wheel")" >/dev/null
}
install_sh
ln -sf /opt/shiomi/bin/shiomi "$root/usr/bin/shiomi"
serve
echo '# mine' >> "$root/etc/shiomi/shiomi.toml"
step "install.sh again: changed settings stay"
install_sh
grep -q '# mine' "$root/etc/shiomi/shiomi.toml"
step "all steps passed"
