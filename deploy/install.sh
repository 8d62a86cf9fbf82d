#!/bin/sh
# Install Shiomi under /opt/shiomi with its services, from a wheel. Run as root. Run it again with
# a newer wheel to upgrade: configuration and data stay as they are.
#
#   sh deploy/install.sh dist/shiomi-0.1.0-py3-none-any.whl
#
# Set DESTDIR to install into another root directory; services are then not started.
set -eu

wheel=${1:?usage: install.sh WHEEL}
root=${DESTDIR:-}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "install.sh: Python 3.11 or newer is required, $python is $("$python" -V)" >&2
    exit 1
}
if [ -z "$root" ] && ! getent passwd shiomi >/dev/null; then
    useradd --system --home-dir /var/lib/shiomi --shell /usr/sbin/nologin shiomi
fi

install -d -m 755 "$root/opt" "$root/etc/shiomi" "$root/etc/systemd/system" "$root/etc/default"
install -d -m 750 "$root/var/lib/shiomi"
[ -x "$root/opt/shiomi/bin/python" ] || "$python" -m venv "$root/opt/shiomi"
"$root/opt/shiomi/bin/python" -m pip install --quiet --upgrade "$wheel[site,gate,notify]"
if [ -n "$root" ]; then
    # Another root, a package or an image: its paths, and nothing that the services do not use.
    "$root/opt/shiomi/bin/python" -m pip uninstall --quiet --yes pip setuptools 2>/dev/null
    grep -rlI "$root/opt" "$root/opt/shiomi/bin" "$root/opt/shiomi/pyvenv.cfg" \
        | xargs sed -i "s|$root/opt|/opt|g"
    find "$root/opt/shiomi" -path '*/babel/locale-data/*.dat' ! -name 'root.dat' \
        ! -name 'en*.dat' ! -name 'ja*.dat' -delete
    find "$root/opt/shiomi" -depth \( -name __pycache__ -o -name tests \) \
        -type d -exec rm -rf {} +
    find "$root/opt/shiomi" \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' \
        -o -name '*.a' -o -name '*.c' \) -type f -delete
    if command -v strip >/dev/null; then  # not *.libs: their load addresses were edited
        find "$root/opt/shiomi" -name '*.so' ! -path '*.libs/*' -exec strip --strip-unneeded {} +
    fi
fi

# Configuration is written once and never replaced.
[ -e "$root/etc/shiomi/shiomi.toml" ] || cat > "$root/etc/shiomi/shiomi.toml" <<'TOML'
archive = "/var/lib/shiomi/shiomi.sqlite3"
out = "/var/lib/shiomi/public"
# site = "https://digest.example.org/"
TOML
[ -e "$root/etc/default/shiomi" ] || cat > "$root/etc/default/shiomi" <<'DEFAULTS'
# Options of `shiomi serve`. A reverse proxy on this machine is trusted.
SHIOMI_SERVE_OPTIONS="--workers 2 --proxy 127.0.0.1 --metrics 127.0.0.1:9465"
DEFAULTS
install -m 644 "$here/shiomi-run.service" "$here/shiomi-serve.service" \
    "$root/etc/systemd/system/"

if [ -z "$root" ]; then
    chown -R shiomi:shiomi /var/lib/shiomi
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        systemctl enable --now shiomi-run.service shiomi-serve.service
    fi
fi
echo "installed: edit $root/etc/shiomi/shiomi.toml, then restart shiomi-run and shiomi-serve"
