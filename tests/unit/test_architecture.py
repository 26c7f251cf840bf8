"""Who may import whom, and what no file may do."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for room in ("models_py", "training")
    for path in sorted((ROOT / room).rglob("*.py"))
}
STANDARD = tuple(sys.stdlib_module_names)
ARRAYS = ("numpy", "scipy", "torch")
WITHOUT_TORCH = ("metrics", "probabilities", "effects", "lists")


def imports_of(tree: ast.AST) -> list[str]:
    """Full names of what a file imports, `from a import b` as `a.b`."""
    plain = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    of = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return [
        *(alias.name for node in plain for alias in node.names),
        *(f"{node.module}.{alias.name}" for node in of for alias in node.names),
    ]


IMPORTS = {name: imports_of(tree) for name, tree in FILES.items()}
# what the files of a room may import; the longest matching room counts
MAY_IMPORT = {
    "models_py/": (*ARRAYS, "models_py"),
    "models_py/trees.py": (*ARRAYS, "sklearn", "threadpoolctl"),
    "models_py/causal/": (*ARRAYS, "models_py", "sklearn", "threadpoolctl"),
    "models_py/tracing/": (*ARRAYS, "models_py", "sklearn", "threadpoolctl"),
    "training/evaluation/": (*ARRAYS, "training.evaluation"),
    # the report reads them, and never waits for torch
    **dict.fromkeys(
        (f"training/evaluation/{name}.py" for name in WITHOUT_TORCH),
        ("numpy", "scipy", *(f"training.evaluation.{name}" for name in WITHOUT_TORCH)),
    ),
    "training/fit/loop.py": (
        *("torch", "models_py", "training.errors", "training.progress"),
        *("training.fit.state", "training.fit.seeds", "training.fit.processes"),
        *("training.fit.step", "training.fit.adamw"),
    ),
    "training/report/": (
        *("jinja2", "markupsafe", "matplotlib", "numpy", "tabulate"),
        *("training.errors", "training.files", "training.report", "training.runs"),
        "training.evaluation.metrics",
    ),
}
# who alone may import a package
ONLY_IN = {
    "duckdb": ("training/marts/opening.py", "training/ingest/engine.py"),
    "training.commands": ("training/cli.py",),
    "training.families": ("training/commands/train.py", "training/pipeline.py"),
    "training.pipeline": ("training/commands/train.py",),
    "training.cli": (),
    "torch.distributed": ("training/fit/processes.py",),
    "tqdm": ("training/progress.py",),
    "pickle": (),
    "cloudpickle": (),
    "joblib": (),
    "shelve": (),
}


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def room_of(name: str) -> str | None:
    rooms = [room for room in MAY_IMPORT if name.startswith(room)]
    return max(rooms, key=len, default=None)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room):
    allowed = (*MAY_IMPORT[room], *STANDARD)
    files = [name for name in FILES if room_of(name) == room]
    assert files
    wrong = [
        f"{name} imports {imported}"
        for name in files
        for imported in IMPORTS[name]
        if not any(is_within(imported, package) for package in allowed)
    ]
    assert wrong == []


@pytest.mark.parametrize("package", ONLY_IN)
def test_a_package_is_imported_by_its_owner_only(package):
    wrong = [
        f"{name} imports {imported}"
        for name, imports in IMPORTS.items()
        for imported in imports
        if is_within(imported, package) and name not in ONLY_IN[package]
    ]
    assert wrong == []


def imported_at_once(name: str) -> set[str]:
    """Full names of all that importing a file imports, directly or not."""
    found, left = set(), [name]
    while left:
        top = ast.Module([n for n in FILES[left.pop()].body if is_import(n)], [])
        new = set(imports_of(top)) - found
        found |= new
        paths = [one.replace(".", "/") for one in new]
        paths += [path.rpartition("/")[0] for path in paths]
        left += [f"{path}.py" for path in paths if f"{path}.py" in FILES]
    return found


def is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


@pytest.mark.parametrize("command", ["simulate", "ingest", "export", "report", "runs"])
def test_a_command_without_networks_does_not_wait_for_torch(command):
    imported = imported_at_once(f"training/commands/{command}.py")
    assert len(imported) > 5  # it is looked for
    assert [name for name in imported if is_within(name, "torch")] == []


def test_there_are_no_relative_imports():
    """They would slip through the tests above."""
    relative = [
        name
        for name, tree in FILES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_a_name_is_imported_from_where_it_is_defined():
    """Modules re-export nothing: one place to look, and to change."""

    def defined_in(tree: ast.Module) -> set[str]:
        definitions = (ast.FunctionDef, ast.ClassDef)
        return {
            *(node.name for node in tree.body if isinstance(node, definitions)),
            *(
                leaf.id
                for node in tree.body
                if isinstance(node, ast.Assign | ast.AnnAssign | ast.With)
                for leaf in ast.walk(node)
                if isinstance(leaf, ast.Name) and isinstance(leaf.ctx, ast.Store)
            ),
        }

    modules = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): tree
        for name, tree in FILES.items()
    }
    wrong = [
        f"{name} imports {node.module}.{alias.name}"
        for name, tree in FILES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in modules
        for alias in node.names
        if f"{node.module}.{alias.name}" not in modules
        and alias.name not in defined_in(modules[node.module])
    ]
    assert wrong == []


def test_nothing_loads_or_saves_pickles():
    """`torch.save` and `torch.load` pickle; so do NumPy and pandas if they may."""
    forbidden = {
        *("torch.save", "torch.load", "pd.read_pickle"),
        *("np.load", "np.save", "pandas.read_pickle"),
    }
    wrong = [
        f"{name}:{node.lineno} {ast.unparse(node)}"
        for name, tree in FILES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and (ast.unparse(node) in forbidden or node.attr == "to_pickle")
    ]
    assert wrong == []


def test_nothing_branches_on_the_name_of_a_data_set_or_model():
    """What differs is a value in `datasets` or a field of a settings class."""

    def names_one(test: ast.expr) -> bool:
        return any(
            isinstance(node, ast.Compare)
            and any(
                isinstance(side, ast.Name | ast.Attribute)
                and ast.unparse(side).split(".")[-1]
                in {"dataset", "model", "model_name", "dataset_name"}
                for side in (node.left, *node.comparators)
            )
            and any(
                isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
                for side in (node.left, *node.comparators)
                for leaf in ast.walk(side)
            )
            for node in ast.walk(test)
        )

    wrong = [
        f"{name}:{node.lineno} {ast.unparse(node)[:60]}"
        for name, tree in FILES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.If | ast.IfExp | ast.While) and names_one(node.test)
    ]
    assert wrong == []


def test_no_assert_guards_a_run():
    """`python -O` drops them."""
    wrong = [
        f"{name}:{node.lineno}"
        for name, tree in FILES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]
    assert wrong == []
