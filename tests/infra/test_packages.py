"""What goes to Lambda, and that it is enough there. Libraries come from uv's cache, or else from the registry."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import typer

from infra.package import archive
from infra.package.__main__ import of_lambdas_version
from infra.package.alone import Alone
from infra.package.build import BOUNDS, LARGEST, TooLargeError, bound, build_host, build_zip, contents, within_bound
from infra.package.bytecode import lambdas_python
from infra.package.contents import NoSuchServiceError, libraries
from infra.package.manifest import Manifest, ManifestError, manifests
from infra.package.reach import OutOfReachError, reach
from infra.package.wheels import HOST, LAMBDA, needed

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
FUNCTIONS = {each.name: each for each in manifests(ROOT)}
SMALLEST, MACHINE_CODE = "relay", "policy_gate"
"""The function with the fewest libraries, and the one with the most code for one processor."""
LATER = pytest.mark.skipif(
    os.environ.get("PACKAGES") != "all", reason="takes minutes; `make build-test` looks at every function's zip"
)
LAMBDA_HAS = re.compile(r"(ld-linux-aarch64|libc|libdl|libgcc_s|libm|libpthread|libstdc\+\+|libz)\.so\.\d+")
"""Libraries of Amazon Linux 2023's minimal image, which Lambda's is."""
AARCH64 = 183
GLIBC, GLIBCXX = (2, 34), (3, 4, 29)
"""Of Amazon Linux 2023: glibc 2.34, and the libstdc++ of gcc 11."""


def each_or(*share: str) -> list[Any]:
    """Every function; only these where time matters."""
    return [pytest.param(name, marks=() if name in share else LATER) for name in FUNCTIONS]


Tree = Callable[[dict[str, str]], Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    def grow(files: dict[str, str]) -> Path:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return grow


def host(manifest: Manifest) -> Alone:
    return Alone(manifest.name, build_host(ROOT, BUILD, manifest, sys.executable), sys.executable)


def names(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def belongs(name: str, function: str) -> bool:
    """Whether a file of ours may be in the package of a function."""
    top, _, rest = name.partition("/")
    if top == "functions":
        return rest.startswith((f"{function}/", "__init__.py", "__pycache__/__init__."))
    return top not in {"cli", "local", "tests", "infra", "docs", "events"}


def test_a_late_import_counts_and_one_for_type_checkers_does_not(tree: Tree) -> None:
    root = tree(
        {
            "functions/a/handler.py": "from functions.a.work import f\nfrom shared import late\n",
            "functions/a/work.py": "def f():\n    from shared.deep.inner import thing\n",
            "shared/__init__.py": "",
            "shared/late.py": "if TYPE_CHECKING:\n    import shared.typing_only\nelse:\n    import shared.otherwise\n",
            "shared/typing_only.py": "",
            "shared/otherwise.py": "",
            "shared/deep/__init__.py": "import boto3\nboto3.client('sqs')\n",
            "shared/deep/inner.py": "thing = 1\n",
            "shared/unused.py": "boto3.client('ecs')\n",
        }
    )
    found = reach(root, "a")
    assert set(found.files) == {
        "functions/a/handler.py",
        "functions/a/work.py",
        "shared/__init__.py",
        "shared/late.py",
        "shared/otherwise.py",
        "shared/deep/__init__.py",
        "shared/deep/inner.py",
    }
    assert found.services == {"sqs"}


@pytest.mark.parametrize("line", ["from functions.b import other", "import local.stack", "from functions import ab"])
def test_a_function_that_needs_what_is_not_its_own_is_not_packed(tree: Tree, line: str) -> None:
    root = tree(
        {
            "functions/a/handler.py": line,
            "functions/b/__init__.py": "",
            "functions/b/other.py": "",
            "functions/ab.py": "",
            "local/__init__.py": "",
            "local/stack.py": "",
        }
    )
    with pytest.raises(OutOfReachError, match="which is no part of its package"):
        reach(root, "a")


def test_a_client_of_a_service_that_is_not_written_down_is_not_packed(tree: Tree) -> None:
    root = tree({"functions/a/handler.py": "import boto3\nname = 'sqs'\nboto3.client(name)\n"})
    with pytest.raises(OutOfReachError, match=r"handler\.py:3: boto3\.client of which service"):
        reach(root, "a")


def test_a_relative_import_is_told_with_its_place(tree: Tree) -> None:
    root = tree({"functions/a/handler.py": "import json\nfrom . import other\n"})
    with pytest.raises(OutOfReachError, match=r"handler\.py:2: a relative import"):
        reach(root, "a")


def test_a_manifest_that_says_too_little_is_told_by_its_file_and_field(tree: Tree) -> None:
    root = tree({"functions/a/function.yaml": "trigger: {}\n"})
    with pytest.raises(ManifestError, match=r"(?s)functions/a/function\.yaml.*memory"):
        list(manifests(root))


@pytest.mark.parametrize(
    ("python", "why"), [("/nope", "does not run"), ("/bin/echo", "is -VV"), ("/bin/true", "is no")]
)
def test_bytecode_that_lambda_would_not_read_is_not_made(python: str, why: str) -> None:
    with pytest.raises(typer.BadParameter, match=f"LAMBDA_PYTHON names {python}, which {why}"):
        of_lambdas_version(python)


def test_without_a_python_of_lambdas_version_there_is_no_bytecode() -> None:
    assert of_lambdas_version("") == ""


def test_of_a_library_goes_along_what_a_running_function_reads(tree: Tree) -> None:
    kept = {
        "botocore/data/endpoints.json",
        "botocore/data/sqs/2012-11-05/service-2.json.gz",
        "botocore/data/sqs/2012-11-05/paginators-1.json",
        "lib/code.py",
        "lib/__pycache__/code.cpython-313.pyc",
        "lib-1.dist-info/METADATA",
        "lib-1.dist-info/entry_points.txt",
    }
    left = {
        ".stamp",
        "bin/lib",
        "boto3/data/sqs/2012-11-05/resources-1.json",
        "botocore/data/ecs/2014-11-13/service-2.json.gz",
        "botocore/data/sqs/2012-11-05/examples-1.json",
        "lib-1.dist-info/RECORD",
        "lib-1.dist-info/licenses/METADATA",
        "lib/code.pyi",
        "lib/py.typed",
        "lib/tests/test_code.py",
        "lib/tests/__pycache__/test_code.cpython-313.pyc",
    }
    folder = tree(dict.fromkeys(kept | left, ""))
    assert set(libraries(folder, {"sqs"})) == kept
    with pytest.raises(NoSuchServiceError, match="botocore has no service sqz"):
        libraries(folder, {"sqs", "sqz"})


def test_the_same_files_make_the_same_zip_whenever_and_however_they_were_written(tree: Tree) -> None:
    root = tree({"one/b.py": "b", "one/a.py": "a", "two/a.py": "a", "two/b.py": "b"})
    os.utime(root / "one/a.py", (1_000_000_000, 1_000_000_000))
    (root / "one/b.py").chmod(0o600)
    for name, order in (("one", "ba"), ("two", "ab")):
        archive.write(root / f"{name}.zip", {f"{each}.py": root / name / f"{each}.py" for each in order})
    assert (root / "one.zip").read_bytes() == (root / "two.zip").read_bytes()
    with ZipFile(root / "one.zip") as package:
        assert package.namelist() == ["a.py", "b.py"]
        assert {each.external_attr >> 16 for each in package.infolist()} == {0o100644}


def test_a_package_that_is_too_large_is_refused_with_what_to_look_at() -> None:
    with pytest.raises(TooLargeError, match=r"relay has 29\.0 MB unzipped and may have 28\.0 MB: look at botocore"):
        within_bound(FUNCTIONS["relay"], {"botocore/data": 27_000_000, "shared/x.py": 2_000_000})


def test_every_group_of_libraries_has_a_bound_and_no_function_may_be_as_large_as_lambda_lets_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for manifest in FUNCTIONS.values():
        assert set(manifest.dependencies) <= set(project["optional-dependencies"]) & set(BOUNDS)
        assert bound(manifest) < LARGEST / 2


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_starts_from_its_package_alone_and_asks_nobody(name: str) -> None:
    services = sorted(contents(ROOT, FUNCTIONS[name], HOST, sys.executable).services)
    said = host(FUNCTIONS[name]).probe(services)
    assert said["callable"]
    assert said["clients"] == services
    assert said["elsewhere"] == []


def test_the_assessment_starts_with_a_model_as_well() -> None:
    said = host(FUNCTIONS["ai_assessment"]).probe(["sqs"], GEMINI_API_KEY="made-up")
    assert said["callable"]


def test_a_client_that_the_package_was_not_made_for_cannot_be_built() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        host(FUNCTIONS["relay"]).probe(["ecs"])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_package_holds_no_other_function_and_nothing_that_stays_here(name: str) -> None:
    strange = [each for each in names(host(FUNCTIONS[name]).package) if not belongs(each, name)]
    assert not strange
    packed = set(contents(ROOT, FUNCTIONS[name], LAMBDA, "").own)
    assert {f"functions/{name}/handler.py", "config/services.yaml", "shared/settings.py"} <= packed
    assert all(belongs(each, name) for each in packed)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_no_module_that_its_package_leaves_out(name: str) -> None:
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "functions" / name).rglob("*.py")}
    assert there <= set(reach(ROOT, name).files)


@pytest.mark.parametrize("name", each_or(SMALLEST, MACHINE_CODE))
def test_a_package_runs_on_lambdas_processor_and_needs_no_library_that_is_not_there(name: str, tmp_path: Path) -> None:
    build_zip(ROOT, BUILD, FUNCTIONS[name], lambdas_python())
    with ZipFile(BUILD / f"{name}.zip") as package:
        packed = package.namelist()
        machine = [each for each in packed if ".so" in Path(each).name]
        package.extractall(tmp_path, machine)
        compiled = {each for each in packed if each.endswith(".pyc")}
    assert machine
    for each in machine:
        content = (tmp_path / each).read_bytes()
        assert int.from_bytes(content[18:20], "little") == AARCH64, each
        assert newest(rb"GLIBC_([\d.]+)", content) <= GLIBC, each
        assert newest(rb"GLIBCXX_([\d.]+)", content) <= GLIBCXX, each
        there = {Path(other).name for other in machine}
        abroad = [library for library in needed(tmp_path / each) if library not in there]
        assert [library for library in abroad if not LAMBDA_HAS.fullmatch(library)] == [], each
    assert all(each.endswith(".cpython-313.pyc") for each in compiled)
    assert {re.sub(r"\.cpython-\d+-[\w-]+\.so$", ".so", each) for each in packed if each not in compiled} >= {
        each for each in names(host(FUNCTIONS[name]).package) if each.endswith(".py")
    }


def newest(symbol: bytes, content: bytes) -> tuple[int, ...]:
    """The newest version of a library's symbols that a file names."""
    found = (tuple(map(int, each.strip(b".").split(b"."))) for each in re.findall(symbol, content))
    return max(found, default=(0,))


@pytest.mark.parametrize("name", each_or(SMALLEST))
def test_building_twice_makes_the_same_bytes(name: str, tmp_path: Path) -> None:
    made = []
    for folder in ("one", "two"):
        package, _ = build_zip(ROOT, tmp_path / folder, FUNCTIONS[name], lambdas_python())
        path = tmp_path / folder / f"{name}.zip"
        assert package.sha256 == sha256(path.read_bytes()).hexdigest()
        made.append(package)
        shutil.rmtree(tmp_path / folder / "wheels")
    assert made[0] == made[1]


def test_what_has_not_changed_is_not_built_again() -> None:
    build_zip(ROOT, BUILD, FUNCTIONS["relay"], lambdas_python())
    again, made = build_zip(ROOT, BUILD, FUNCTIONS["relay"], lambdas_python())
    assert not made
    assert again.unzipped <= bound(FUNCTIONS["relay"])
