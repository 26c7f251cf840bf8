"""The same log gives the same marts, however it is filed and however it is run."""

from tests.reference.compare import MAKE_THESE, differences, read_marts
from tests.reference.logs import seeded_log
from tests.reference.raw_files import write_log


def test_files_rows_and_threads_do_not_matter(tmp_path, dbt_build):
    log = seeded_log(seed=23, n_users=120)
    one_file = write_log(tmp_path / "one", log, n_files=1, seed=1)
    seven_files = write_log(tmp_path / "seven", log, n_files=7, seed=2)
    first = read_marts(dbt_build(one_file, *MAKE_THESE, MOOCMETA_THREADS="1"))
    second = read_marts(dbt_build(seven_files, *MAKE_THESE, MOOCMETA_THREADS="4"))
    assert all(first.values())
    found = differences(first, second)
    assert not found, found
