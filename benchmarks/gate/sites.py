"""Real sites behind the gate, each with its preset: for `benchmarks/gate/honest.py`.

MediaWiki (SQLite), WordPress (MariaDB) and cgit with git-http-backend come from Debian's packages
and run under nginx, php-fpm and fcgiwrap; nginx asks `shiomi gate serve` with the printed
configuration. Django runs under gunicorn with four workers, FastAPI under uvicorn, both with the
middleware. One small application under nginx (`benchmarks/gate/registry.py`) serves the registries,
package repositories and files.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from shiomi.gate.forward_auth.server_config import forward_auth_config
from shiomi.gate.policy import default_policy_text, load_policy, preset_text
from tests.gate.adapters.stacks import gate_service
from tests.gate.servers import ROOT, python_server, server
from tests.gate.web_servers import nginx
from tests.loopback import free_port

__all__ = ["SITES", "site"]

_PHP = """
root {root};
index index.php index.html;
location / {{ try_files $uri $uri/ /index.php?$args; }}
location ~ \\.php(/|$) {{
    fastcgi_split_path_info ^(.+?\\.php)(/.*)$;
    include /etc/nginx/fastcgi_params;
    fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
    fastcgi_param PATH_INFO $fastcgi_path_info;
    fastcgi_param MW_CONFIG_FILE {folder}/LocalSettings.php;
    fastcgi_pass unix:{folder}/php.sock;
}}
"""
_CGIT = """
location ~ "\\.git/(HEAD|info/refs|objects/|git-(upload|receive)-pack)" {{
    include /etc/nginx/fastcgi_params;
    fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
    fastcgi_param PATH_INFO $uri;
    fastcgi_param GIT_PROJECT_ROOT {folder};
    fastcgi_param GIT_HTTP_EXPORT_ALL 1;
    fastcgi_param REMOTE_USER somebody;
    fastcgi_pass unix:{folder}/cgi.sock;
}}
location / {{
    include /etc/nginx/fastcgi_params;
    fastcgi_param SCRIPT_FILENAME /usr/lib/cgit/cgit.cgi;
    fastcgi_param PATH_INFO $uri;
    fastcgi_param CGIT_CONFIG {folder}/cgitrc;
    fastcgi_pass unix:{folder}/cgi.sock;
}}
"""
_SLOW = 60.0


def _run(*words: str | Path, folder: Path, **environment: str) -> str:
    given = {**os.environ, "HOME": str(folder), **environment}
    done = subprocess.run(
        [str(word) for word in words], cwd=folder, env=given, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{words[0]}: {done.stdout[-500:]}{done.stderr[-500:]}")
    return done.stdout


@contextmanager
def _listening(command: list[str | Path], socket: Path, folder: Path) -> Iterator[None]:
    """Run a program that listens on a Unix socket."""
    with (folder / f"{socket.name}.log").open("wb") as log:
        process = subprocess.Popen(list(map(str, command)), cwd=folder, stdout=log, stderr=log)
    try:
        end = time.monotonic() + _SLOW
        while not socket.exists():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command[0]} does not listen: see {log.name}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def _php(folder: Path) -> Iterator[None]:
    program = max(map(str, Path("/usr/sbin").glob("php-fpm*")), default="php-fpm")
    (folder / "fpm.conf").write_text(
        f"[global]\nerror_log = {folder}/fpm.log\n[www]\nuser = root\nlisten = {folder}/php.sock\n"
        "pm = static\npm.max_children = 2\nclear_env = no\n"
    )
    command: list[str | Path] = [program, "-R", "-F", "-y", folder / "fpm.conf"]
    with _listening(command, folder / "php.sock", folder):
        yield


def _mediawiki(folder: Path, stack: ExitStack) -> str:
    install = "/usr/share/mediawiki/maintenance/install.php"
    words = ["--dbtype", "sqlite", "--dbpath", str(folder / "db"), "--dbname", "w", "--confpath"]
    words += [str(folder), "--scriptpath", "/mediawiki", "--server", "http://localhost"]
    _run("php", install, *words, "--pass", "a-Long-pass-1", "Wiki", "Admin", folder=folder)
    stack.enter_context(_php(folder))
    return _PHP.format(root="/usr/share", folder=folder)


def _wordpress(folder: Path, stack: ExitStack) -> str:
    root, data, socket = folder / "wp", folder / "my", folder / "my.sock"
    shutil.copytree("/usr/share/wordpress", root, symlinks=False, ignore_dangling_symlinks=True)
    common = ["--no-defaults", "--user=root", f"--datadir={data}"]
    _run("mariadb-install-db", *common, "--auth-root-authentication-method=normal", folder=folder)
    stack.enter_context(
        _listening(["mariadbd", *common, f"--socket={socket}", "--skip-networking"], socket, folder)
    )
    _run("mariadb", "--no-defaults", "-S", socket, "-e", "create database wp", folder=folder)
    (root / "wp-config.php").write_text(
        "<?php define('DB_NAME','wp'); define('DB_USER','root'); define('DB_PASSWORD','');"
        f"define('DB_HOST','localhost:{socket}'); define('DB_CHARSET','utf8');"
        "define('WP_HTTP_BLOCK_EXTERNAL',true); define('DISABLE_WP_CRON',true);"
        "$home='http://'.($_SERVER['HTTP_HOST'] ?? 'localhost');"
        "define('WP_HOME',$home); define('WP_SITEURL',$home); $table_prefix='wp_';"
        "if(!defined('ABSPATH'))define('ABSPATH',__DIR__.'/'); require ABSPATH.'wp-settings.php';"
    )
    made = (
        "$_SERVER['HTTP_HOST']='localhost'; define('WP_INSTALLING',true); require 'wp-load.php';"
        "require 'wp-admin/includes/upgrade.php'; wp_install('T','admin','a@b.example',true,'',"
        "'a-Long-pass-1'); update_option('permalink_structure','/%postname%/');"
    )
    _run("php", "-r", made, folder=root)
    stack.enter_context(_php(folder))
    return _PHP.format(root=root, folder=folder)


def _cgit(folder: Path, stack: ExitStack) -> str:
    given = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "a")
    given |= dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "a@b.example")
    _run("git", "init", "-q", "-b", "main", "work", folder=folder)
    (folder / "work" / "file").write_text("text\n")
    _run("git", "-C", "work", "add", ".", folder=folder)
    _run("git", "-C", "work", "commit", "-qm", "first", folder=folder, **given)
    _run("git", "clone", "-q", "--bare", "work", "p.git", folder=folder)
    _run("git", "-C", "p.git", "config", "http.receivepack", "true", folder=folder)
    _run("git", "-C", "p.git", "update-server-info", folder=folder)
    (folder / "cgitrc").write_text(
        f"virtual-root=/\nenable-http-clone=0\nsnapshots=tar.gz\nscan-path={folder}\n"
    )
    socket = folder / "cgi.sock"
    stack.enter_context(_listening(["fcgiwrap", "-s", f"unix:{socket}"], socket, folder))
    return _CGIT.format(folder=folder)


_WSGI = """
import os
import django
from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.urls import re_path
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="x", MIDDLEWARE=[])
django.setup()
def page(request):
    body = "<!doctype html><html><body>the page</body></html>"
    return JsonResponse({"ok": 1}) if "/api/" in request.path else HttpResponse(body)
urlpatterns = [re_path("", page)]
from django.core.wsgi import get_wsgi_application
from shiomi.gate.wsgi import GateMiddleware
application = GateMiddleware(get_wsgi_application(), os.environ["GATE_POLICY"])
"""


@contextmanager
def site(name: str, folder: Path) -> Iterator[int]:
    """Run a site behind the gate with its preset ("" is the default policy); yield its port."""
    folder.mkdir(parents=True)
    text = preset_text(name) if name else default_policy_text()
    policy = folder / "gate.toml"  # the runner gives the sender of a request in X-Forwarded-For
    policy.write_text(text.replace("trusted = []", 'trusted = ["127.0.0.0/8"]', 1))
    environment = {"GATE_POLICY": str(policy), "SHIOMI_GATE_STATE": str(folder / "gate.state")}
    with ExitStack() as stack:
        if name == "django":
            (folder / "guarded.py").write_text(_WSGI)
            port = free_port()
            command = [sys.executable, "-m", "gunicorn", "-w", "4", "-b", f"127.0.0.1:{port}"]
            environment["PYTHONPATH"] = f"{ROOT / 'src'}:{folder}"
            log = folder / "gunicorn.log"
            stack.enter_context(
                server([*command, "guarded:application"], port=port, log=log, cwd=folder,
                       environment=environment, seconds=_SLOW)
            )  # fmt: skip
            yield port
            return
        if name == "fastapi":
            factory = "benchmarks.gate.registry:fastapi_app"
            yield stack.enter_context(
                python_server(factory, folder, environment=environment, options=("--factory",))
            ).port
            return
        special = {"mediawiki": _mediawiki, "wordpress": _wordpress, "cgit": _cgit}.get(name)
        if special is not None:
            block, proxied = special(folder, stack), ""
        else:
            (folder / "files").mkdir()
            files = {"REGISTRY_FOLDER": str(folder / "files")}
            factory = "benchmarks.gate.registry:registry"
            origin = stack.enter_context(
                python_server(factory, folder, environment=files, options=("--factory",))
            )
            block, proxied = "", f"127.0.0.1:{origin.port}"
        service = stack.enter_context(gate_service(folder, policy))
        read = load_policy(policy)
        gate = f"127.0.0.1:{service.port}"
        http = "client_max_body_size 50m;\n" + forward_auth_config("nginx-http", read, gate)
        lines = forward_auth_config("nginx", read, gate, proxied)
        front = nginx(folder / "nginx", http=http, server_block=f"{lines}\n{block}")
        yield stack.enter_context(front).port


SITES = {
    "mediawiki": ("php", "mediawiki"), "wordpress": ("mariadbd", "wordpress"),
    "cgit": ("fcgiwrap", "cgit"), "django": (), "fastapi": (),
}  # fmt: skip
"""The sites that are run as they are, with the programs that they need."""
