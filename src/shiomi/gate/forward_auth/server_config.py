"""Configuration that makes a web server ask the gate about every request.

nginx's `auth_request` passes on neither the page nor the status of a refusal. So nginx fetches the
page in a second request (`/answer`), which contains the verdict in its headers. If the service does
not answer, nginx and Caddy follow the policy's `on_failure`, but Traefik always refuses.
"""

from __future__ import annotations

import re

from shiomi.gate.errors import CompileError
from shiomi.gate.forward_auth.forward_auth import VERDICT, WAIT
from shiomi.gate.policy import Action, Policy
from shiomi.gate.response import Response
from shiomi.gate.signals import own_files, own_headers

__all__ = ["forward_auth_config"]


_LONGEST_NGINX = 3000  # bytes of one string in its configuration; the limit is 4,096 with quotes


def forward_auth_config(server: str, policy: Policy, gate: str, site: str = "") -> str:
    """Return the configuration for "nginx", "nginx-http", "caddy" or "traefik".

    Parameters
    ----------
    gate
        Where the service listens: "127.0.0.1:9292", or "unix:/run/gate.sock".
    site
        Where the site listens: "127.0.0.1:8000". For nginx it may be "": then nginx serves the
        site from its own locations.

    Raises
    ------
    CompileError
        The server is not one of these four, or cannot use the address `gate`, or a text of the
        policy cannot be written in its syntax.
    """
    writers = {"nginx": _nginx, "nginx-http": _nginx_http, "caddy": _caddy, "traefik": _traefik}
    if server not in writers:
        raise CompileError(f"server must be one of {', '.join(writers)}, got {server!r}")
    for address in (gate, site):
        if set(address) & set("\"'`{};# \t\n\\$"):
            raise CompileError(f"an address must be HOST:PORT or unix:/PATH, got {address!r}")
    if not site and not server.startswith("nginx"):
        site = "127.0.0.1:8000"
    return writers[server](policy, gate, site)


def _nginx_http(policy: Policy, gate: str, site: str) -> str:  # noqa: ARG001
    return f"""\
# The gate's service, for the `http` block: put this file into /etc/nginx/conf.d/.
# Made by `shiomi gate serve --print-config nginx-http`.

upstream shiomi_gate {{
    server {gate};
    keepalive 32;
}}

map $http_upgrade $shiomi_connection {{
    default upgrade;
    "" "";
}}
"""


def _nginx(policy: Policy, gate: str, site: str) -> str:  # noqa: ARG001
    if policy.on_failure is Action.ALLOW:
        if not site:
            raise CompileError('on_failure = "allow" needs --site HOST:PORT, the site without gate')
        down = f"    proxy_pass http://{site};"
        failing = "the site answers without the gate (on_failure = allow)"
    else:
        down = (
            "    default_type text/plain;\n"
            "    add_header Retry-After 60 always;\n"
            '    return 503 "Try again shortly.\\n";'
        )
        failing = "every request gets 503 (on_failure = deny)"
    client = """\
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-Host "";
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_connect_timeout 1s;
    proxy_read_timeout 5s;"""
    asked = f"""\
    proxy_pass_request_body off;
    proxy_set_header Content-Length "";
    proxy_set_header Upgrade "";
    proxy_set_header X-Original-Method $request_method;
    proxy_set_header X-Original-URI $request_uri;
{client}"""
    files = "".join(_nginx_file(path, file) for path, file in own_files(policy).items())
    headers = "".join(
        f"add_header {name} {_quoted(value)} always;\n" for name, value in own_headers(policy)
    )
    return f"""\
# The gate in front of a site, by auth_request: include this file in an existing `server {{ }}`.
# Made by `shiomi gate serve --print-config nginx`. It also needs the file that
# `--print-config nginx-http` prints.
# It applies to every location without `auth_request off`. $gate_trap is the trap's link for a page.
# Pass it to the application (proxy_set_header X-Gate-Trap $gate_trap), which puts it before the
# last </body>.

auth_request /gate-ask;
auth_request_set $gate_verdict $upstream_http_x_gate_verdict;
auth_request_set $gate_wait $upstream_http_x_gate_wait;
auth_request_set $gate_trap $upstream_http_x_gate_trap;
auth_request_set $gate_cookie $upstream_http_set_cookie;
add_header Set-Cookie $gate_cookie;
error_page 403 = @gate_answer;
error_page 500 = @gate_down;  # auth_request answers 500 if the service does not answer
{headers}{_nginx_site(site)}
location = /gate-ask {{
    internal;
    auth_request off;
    proxy_pass http://shiomi_gate/ask;
{asked}
}}

# The page for a client that is refused or challenged. The verdict is sent back to the service, so
# that the request counts only once.
location @gate_answer {{
    auth_request off;
    rewrite ^ /answer break;
    proxy_method GET;
    proxy_pass http://shiomi_gate;
    proxy_set_header {VERDICT} $gate_verdict;
    proxy_set_header {WAIT} $gate_wait;
{asked}
}}

# If the service does not answer, {failing}.
location @gate_down {{
    auth_request off;
{down}
}}

# The gate's own pages.
location ^~ {policy.challenge.path} {{
    auth_request off;
    proxy_pass http://shiomi_gate;
{client}
}}
{files}"""


def _nginx_site(site: str) -> str:
    """Return a location that passes every request to the site; "" without a site."""
    if not site:
        return ""
    return f"""
location / {{
    proxy_pass http://{site};
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Gate-Trap $gate_trap;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $shiomi_connection;
    proxy_request_buffering off;
    proxy_buffering off;
}}
"""


def _nginx_file(path: str, file: Response) -> str:
    """Return a location for a file that nginx itself serves, also while the service is down."""
    pieces = [""]
    for line in file.body.decode("utf-8").splitlines(keepends=True):
        if len(pieces[-1]) + len(line) > _LONGEST_NGINX:
            pieces.append("")
        pieces[-1] += line
    names = [f"$gate_file_{number}" for number in range(len(pieces))]
    sets = "".join(
        f"    set {name} {_quoted(piece)};\n" for name, piece in zip(names, pieces, strict=True)
    )
    return f"""\
location = {path} {{
    auth_request off;
    default_type {_media_type(file)};
{sets}    return 200 "{"".join(names)}";
}}
"""


def _media_type(file: Response) -> str:
    kinds = [value for name, value in file.headers if name == "Content-Type"]
    return kinds[0].partition(";")[0]


def _quoted(text: str) -> str:
    """Return a string in nginx's syntax, in which `$` always begins a variable."""
    if "$" in text:
        raise CompileError(f"nginx cannot contain {text!r}: remove the dollar sign from the policy")
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _caddy(policy: Policy, gate: str, site: str) -> str:
    gate = gate.replace("unix:", "unix/", 1)
    if policy.on_failure is Action.ALLOW:
        down = f"            reverse_proxy {site}"
        failing = "the site answers without the gate (on_failure = allow)"
    else:
        down = '            header Retry-After 60\n            respond "Try again shortly." 503'
        failing = "every request gets 503 (on_failure = deny)"
    files = "".join(
        f"""\
    handle {path} {{
        header Content-Type {_media_type(file)}
        respond {_caddy_quoted(file.body.decode("utf-8"))} 200
    }}
"""
        for path, file in own_files(policy).items()
    )
    headers = "".join(
        f"    header +{name} {_caddy_quoted(value)}\n" for name, value in own_headers(policy)
    )
    return f"""\
# The gate in front of a site, by forward_auth; made by `shiomi gate serve --print-config caddy`.
# `import` this file inside the site's block.

route {{
{headers}    # The gate's own pages.
    handle {policy.challenge.path}* {{
        reverse_proxy {gate}
    }}
{files}    handle {{
        forward_auth {gate} {{
            uri /auth
        }}
        # Your site. Put every other directive that serves pages here too.
        reverse_proxy {site}
    }}
}}

# If the service does not answer, {failing}.
handle_errors {{
    @down expression {{err.status_code}} in [502, 503, 504]
    route @down {{
{down}
    }}
}}
"""


def _caddy_quoted(text: str) -> str:
    """Return a string in Caddy's syntax, which replaces `{name}`, but no `{` before a space."""
    wrong = re.search(r"`|\{\S", text)
    if wrong:
        around = text[max(0, wrong.start() - 40) : wrong.end() + 40]
        raise CompileError(
            f"Caddy cannot contain {around!r}: remove backticks and braces from the policy"
        )
    return f"`{text}`"


def _yaml_quoted(text: str) -> str:
    """Return a string in YAML. Traefik's file provider runs what is between two pairs of braces."""
    if "{{" in text:
        raise CompileError(f'Traefik cannot contain {text!r}: remove "{{{{" from the policy')
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def _traefik(policy: Policy, gate: str, site: str) -> str:
    if gate.startswith("unix:"):
        raise CompileError("Traefik cannot use a Unix socket: the service must listen on HOST:PORT")
    own = " || ".join(
        [f"PathPrefix(`{policy.challenge.path}`)", *(f"Path(`{p}`)" for p in own_files(policy))]
    )
    failing = (
        "\n# If the service does not answer, Traefik answers 500 and ignores on_failure."
        if policy.on_failure is Action.ALLOW
        else ""
    )
    headers = own_headers(policy)
    names = "[shiomi-gate, shiomi-gate-says]" if headers else "[shiomi-gate]"
    says = "".join(f"          {name}: {_yaml_quoted(value)}\n" for name, value in headers)
    added = f"    shiomi-gate-says:\n      headers:\n        customResponseHeaders:\n{says}"
    return f"""\
# The gate in front of a site, by forwardAuth; made by `shiomi gate serve --print-config traefik`.
# A file for Traefik's file provider. The site must put the trap's link into its pages.{failing}
http:
  middlewares:
    shiomi-gate:
      forwardAuth:
        address: "http://{gate}/auth"
        trustForwardHeader: false
{added if headers else ""}  routers:
    shiomi-gate-pages:
      rule: "{own}"
      priority: 1000
      service: shiomi-gate
    site:
      rule: "PathPrefix(`/`)"
      middlewares: {names}
      service: site
  services:
    shiomi-gate:
      loadBalancer:
        servers: [{{url: "http://{gate}"}}]
    site:
      loadBalancer:
        servers: [{{url: "http://{site}"}}]
"""
