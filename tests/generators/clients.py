"""Clients that other projects' generators make from docs/openapi.yaml."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.environment import ROOT

DOCUMENT = ROOT / "docs/openapi.yaml"
FOLDER = Path(__file__).parent
PYTHON_TOOLS = FOLDER / ".venv/bin"
NODE_TOOLS = FOLDER / "node_modules/.bin"
WITHIN_SECONDS = 100


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    """Run one of the tools, and return its output. Fail if the tool fails."""
    tools = f"{PYTHON_TOOLS}{os.pathsep}{os.environ['PATH']}"
    settings = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **settings, "PATH": tools, **environment},
        capture_output=True,
        text=True,
        timeout=WITHIN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def openapi_python_client(folder: Path) -> None:
    arguments = ("--path", DOCUMENT, "--output-path", folder / "made", "--meta", "none", "--fail-on-warning")
    run(PYTHON_TOOLS / "openapi-python-client", "generate", *arguments, folder=folder)


def openapi_generator_for_python(folder: Path) -> None:
    _openapi_generator("python", folder, "packageName=made")


def openapi_generator_for_typescript(folder: Path) -> None:
    _openapi_generator("typescript-fetch", folder / "made", "importFileExtension=.js")


def openapi_typescript(folder: Path) -> None:
    run(NODE_TOOLS / "openapi-typescript", DOCUMENT, "--output", folder / "made.d.ts", folder=folder)


def play_in_python(script: str, folder: Path, *arguments: str) -> Any:
    """Compile the client, run the script that uses it, and return the JSON that the script prints."""
    python = PYTHON_TOOLS / "python"
    run(python, "-m", "compileall", "-q", "made", folder=folder)
    return json.loads(run(python, FOLDER / script, *arguments, folder=folder, PYTHONPATH=str(folder)))


def play_in_typescript(script: str, folder: Path, *arguments: str) -> Any:
    """Compile the client in strict mode, run the script that uses it, and return the JSON that the script prints."""
    for name in ("package.json", "tsconfig.json", script):
        shutil.copy(FOLDER / name, folder)
    (folder / "node_modules").symlink_to(FOLDER / "node_modules")
    run(NODE_TOOLS / "tsc", "--project", folder, folder=folder)
    return json.loads(run("node", folder / "built" / Path(script).with_suffix(".js"), *arguments, folder=folder))


def _openapi_generator(language: str, folder: Path, properties: str) -> None:
    run(
        *(PYTHON_TOOLS / "openapi-generator-cli", "generate", "--input-spec", DOCUMENT),
        *("--generator-name", language, "--output", folder, "--additional-properties", properties),
        *(
            "--global-property",
            "apis,models,supportingFiles,apiDocs=false,apiTests=false,modelDocs=false,modelTests=false",
        ),
        folder=folder.parent,
        JAVA_OPTS="-Xmx500m",
    )


Play = Callable[..., Any]
# Maps each script to the function that makes its client, and the function that runs the script.
CLIENTS: Mapping[str, tuple[Callable[[Path], None], Play]] = {
    "evening_of_openapi_python_client.py": (openapi_python_client, play_in_python),
    "evening_of_openapi_generator.py": (openapi_generator_for_python, play_in_python),
    "evening_of_openapi_typescript.ts": (openapi_typescript, play_in_typescript),
    "evening_of_openapi_generator.ts": (openapi_generator_for_typescript, play_in_typescript),
}
