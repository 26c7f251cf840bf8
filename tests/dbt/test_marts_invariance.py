"""The same log gives the same marts, however it is filed and however it is run."""

from tests.reference.compare import differences, read_marts
from tests.reference.logs import seeded_log
from tests.reference.raw_files import write_log


def test_files_rows_threads_and_time_zone_do_not_matter(tmp_path, dbt_build):
    log = seeded_log(seed=23, n_users=120)
    one_file = write_log(tmp_path / "one", log, n_files=1, seed=1)
    seven_files = write_log(tmp_path / "seven", log, n_files=7, seed=2)
    first = read_marts(dbt_build(one_file, MOOCMETA_THREADS="1", TZ="UTC"))
    second = read_marts(dbt_build(seven_files, MOOCMETA_THREADS="4", TZ="Asia/Tokyo"))
    assert all(first.values())
    found = differences(first, second)
    assert not found, found
