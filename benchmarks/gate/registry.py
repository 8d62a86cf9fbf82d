"""A small site that real programs accept: package indexes, packages, DAV, events, sockets.

The site makes a wheel, a Debian package, an npm package, a crate, a Go module and a container
image. It answers pip, apt, npm, cargo, go and skopeo as their registries do. Any other path is a
page.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import tarfile
import zipfile
from base64 import b64encode
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any

from fastapi import FastAPI, UploadFile
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from shiomi.gate.asgi import GateMiddleware

__all__ = ["fastapi_app", "registry"]

_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "MKCOL"]
_CARGO = "/api/packages/a/cargo"
_NPM = "/api/packages/a/npm"
_PAGE = "<!doctype html><html><body>the page</body></html>"
_MULTISTATUS = (
    '<?xml version="1.0"?><d:multistatus xmlns:d="DAV:"><d:response><d:href>/dav/</d:href>'
    "<d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype></d:prop>"
    "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"
)


def _tar(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def _zip(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def _python() -> dict[str, bytes]:
    info = "testpkg-1.0.dist-info"
    files = {
        "testpkg.py": "",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: testpkg\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": f"testpkg.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }  # fmt: skip
    wheel = "testpkg-1.0-py3-none-any.whl"
    index = f'<!DOCTYPE html><html><body><a href="/files/{wheel}">{wheel}</a></body></html>'
    return {"/simple/testpkg/": index.encode(), f"/files/{wheel}": _zip(files)}


def _debian(folder: Path) -> dict[str, bytes]:
    tree = folder / "deb"
    (tree / "DEBIAN").mkdir(parents=True)
    control = (
        "Package: testpkg\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@b.example>\n"
        "Description: a test\n"
    )
    (tree / "DEBIAN" / "control").write_text(control)
    subprocess.run(
        ["dpkg-deb", "--build", str(tree), str(folder / "t.deb")], check=True, capture_output=True
    )
    package = (folder / "t.deb").read_bytes()
    at = "pool/main/t/testpkg_1.0_all.deb"
    entry = f"Filename: {at}\nSize: {len(package)}\nSHA256: {sha256(package).hexdigest()}\n"
    listing = (control + entry + "\n").encode()
    release = (
        "Suite: stable\nCodename: stable\nArchitectures: amd64 all\nComponents: main\n"
        "Date: Sun, 29 Nov 2026 00:00:00 UTC\nSHA256:\n"
        f" {sha256(listing).hexdigest()} {len(listing)} main/binary-amd64/Packages\n"
    )
    return {
        "/debian/dists/stable/Release": release.encode(),
        "/debian/dists/stable/main/binary-amd64/Packages": listing,
        f"/debian/{at}": package,
    }


def _npm(base: str) -> dict[str, bytes]:
    package = _tar({"package/package.json": '{"name":"testpkg","version":"1.0.0"}'})
    at = f"{_NPM}/testpkg/-/testpkg-1.0.0.tgz"
    integrity = "sha512-" + b64encode(sha512(package).digest()).decode()
    version = {"name": "testpkg", "version": "1.0.0"}
    version["dist"] = {"tarball": base + at, "integrity": integrity}  # type: ignore[assignment]
    said = {"name": "testpkg", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    return {f"{_NPM}/testpkg": json.dumps(said).encode(), at: package}


def _cargo(base: str) -> dict[str, bytes]:
    manifest = '[package]\nname = "testpkg"\nversion = "1.0.0"\nedition = "2021"\n'
    crate = _tar({"testpkg-1.0.0/Cargo.toml": manifest, "testpkg-1.0.0/src/lib.rs": ""})
    line = {
        "name": "testpkg", "vers": "1.0.0", "deps": [], "cksum": sha256(crate).hexdigest(),
        "features": {}, "yanked": False,
    }  # fmt: skip
    config = {"dl": f"{base}{_CARGO}/api/v1/crates", "api": base + _CARGO}
    return {
        f"{_CARGO}/config.json": json.dumps(config).encode(),
        f"{_CARGO}/te/st/testpkg": json.dumps(line).encode(),
        f"{_CARGO}/api/v1/crates/testpkg/1.0.0/download": crate,
    }


def _go() -> dict[str, bytes]:
    name = "example.com/testmod"
    module = f"module {name}\n"
    files = {f"{name}@v1.0.0/go.mod": module, f"{name}@v1.0.0/a.go": "package testmod\n"}
    at = f"/go/{name}/@v/"
    info = json.dumps({"Version": "v1.0.0", "Time": "2026-11-29T00:00:00Z"})
    return {
        f"{at}list": b"v1.0.0\n", f"{at}v1.0.0.info": info.encode(),
        f"{at}v1.0.0.mod": module.encode(), f"{at}v1.0.0.zip": _zip(files),
    }  # fmt: skip


def _image() -> dict[str, bytes]:
    config = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
    digest = f"sha256:{sha256(config).hexdigest()}"
    kind = "application/vnd.oci.image.config.v1+json"
    manifest = json.dumps(
        {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": kind, "digest": digest, "size": len(config)}, "layers": [],
        }
    ).encode()  # fmt: skip
    return {
        "/v2/": b"{}", "/v2/a/b/manifests/latest": manifest, f"/v2/a/b/blobs/{digest}": config,
        "/v2/a/b/tags/list": b'{"name":"a/b","tags":["latest"]}',
    }  # fmt: skip


def registry() -> Starlette:
    """Return the application; $REGISTRY_FOLDER is its folder."""
    folder = Path(os.environ["REGISTRY_FOLDER"])
    fixed = {**_python(), **_debian(folder), **_go(), **_image()}
    named: dict[str, dict[str, bytes]] = {}  # files that name the host

    async def answer(request: Request) -> Response:
        path = request.url.path
        base = f"http://{request.headers['host']}"
        if base not in named:
            named[base] = {**_npm(base), **_cargo(base)}
        found = fixed.get(path) or named[base].get(path)
        if request.method == "PROPFIND":
            return Response(_MULTISTATUS, 207, media_type="application/xml")
        if request.method == "OPTIONS":
            return Response(headers={"DAV": "1, 2", "Allow": ", ".join(_METHODS)})
        if found is not None:
            kind = None
            if "/manifests/" in path:
                kind = "application/vnd.oci.image.manifest.v1+json"
            elif path.startswith("/simple/"):
                kind = "text/html"
            return Response(found, media_type=kind or "application/octet-stream")
        if path.startswith(("/debian/", _CARGO, "/go/")):
            return Response(status_code=404)
        if "/feed" in path or path.endswith(".rss"):
            item = "<item><title>a</title><link>http://a.example/a</link></item>"
            feed = f'<rss version="2.0"><channel><title>t</title>{item}</channel></rss>'
            return Response(feed, media_type="application/rss+xml")
        return HTMLResponse(_PAGE)

    return Starlette(routes=[Route("/{path:path}", answer, methods=_METHODS)])


def fastapi_app() -> Any:
    """Return a FastAPI site with the middleware and the policy of $GATE_POLICY."""
    app = FastAPI()

    async def events(request: Request) -> Response:  # noqa: ARG001
        async def some() -> Any:
            for number in range(3):
                yield f"data: {number}\n\n"
                await asyncio.sleep(0.01)

        return StreamingResponse(some(), media_type="text/event-stream")

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.close()

    @app.post("/api/upload")
    async def upload(file: UploadFile) -> dict[str, int]:
        return {"bytes": len(await file.read())}

    async def other(request: Request) -> Response:
        path = request.url.path
        return JSONResponse({"ok": 1}) if path.startswith("/api/") else HTMLResponse(_PAGE)

    app.router.routes += [
        Route("/api/events", events), WebSocketRoute("/v1/ws", talk),
        Route("/{path:path}", other, methods=_METHODS),
    ]  # fmt: skip
    app.add_middleware(GateMiddleware, policy=os.environ["GATE_POLICY"], dns=False)
    return app
