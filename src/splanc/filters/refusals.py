"""Functions that MariaDB has and filters do not, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .grammar import words


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Functions that are refused for one reason.

    Parameters
    ----------
    names : of the functions.
    code : of the error.
    why : follows a function's name.
    hint : what to do instead.
    """

    names: frozenset[str]
    code: str = "function"
    why: str
    hint: str = ""


REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        names=words(
            "count sum avg min max std stddev stddev_pop stddev_samp variance var_pop var_samp group_concat bit_and bit_or bit_xor any_value "
            "json_arrayagg json_objectagg"
        ),
        code="aggregate",
        why="is an aggregate",
        hint="A filter sees one alert at a time; greatest() and least() compare columns.",
    ),
    Refusal(
        names=words("row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value median percentile_cont"),
        code="window",
        why="is a window function",
        hint="A filter sees one alert at a time.",
    ),
    Refusal(
        names=words(
            "load_file sleep benchmark get_lock release_lock is_free_lock is_used_lock user current_user current_role session_user system_user "
            "database schema version connection_id uuid uuid_short sys_guid rand random master_pos_wait sys_exec sys_eval extractvalue updatexml "
            "last_insert_id row_count found_rows name_const charset collation coercibility lo_import lo_export dblink query_to_xml set_config "
            "current_setting read_csv read_parquet read_text getenv xp_cmdshell copy nextval lastval setval"
        ),
        why="is a function of the system, and not allowed",
    ),
    Refusal(
        names=words("repeat space lpad rpad insert hex unhex to_base64 from_base64 compress uncompress uncompressed_length aes_encrypt aes_decrypt"),
        why="is not allowed: it makes texts without bound, or hides them",
        hint="concat(), left() and right() make texts of others.",
    ),
    Refusal(
        names=words("md5 sha sha1 sha2 crc32 crc32c password old_password encrypt encode decode des_encrypt des_decrypt kdf random_bytes quote"),
        why="is not allowed: it hides what it is given",
        hint="Compare the text itself.",
    ),
    Refusal(
        names=words("bin oct conv ascii ord char chr bit_count inet_aton inet_ntoa weight_string"),
        why="is not allowed: numbers are decimal, and texts are made of characters",
    ),
    Refusal(
        names=words("format get_format soundex sformat natural_sort_key to_char convert_tz"),
        why="is not allowed: what it gives depends on a language, a time zone or a version",
        hint="date_format() writes moments, in UTC; concat() and round() write numbers.",
    ),
    Refusal(
        names=words("curtime current_time utc_time time timediff addtime subtime maketime sec_to_time time_to_sec time_format"),
        why="is not allowed: there are no times without a date",
        hint="hour() and the like tell parts of a moment, timestampdiff() what passes between two, and INTERVAL shifts one.",
    ),
    Refusal(
        names=words("period_add period_diff"),
        why="is not allowed: months are no numbers",
        hint="timestampdiff(month, …) counts them, and INTERVAL n MONTH adds some.",
    ),
    Refusal(
        names=words("regexp_instr regexp_replace regexp_substr regexp_like"),
        why="is not allowed: engines disagree on regular expressions",
        hint="LIKE compares with a pattern of `%` and `_`.",
    ),
    Refusal(names=words("find_in_set make_set export_set interval"), why="is not allowed: there are no sets", hint="Write IN with a list of values, or CASE."),
    Refusal(
        names=words(
            "json_array json_array_append json_array_insert json_compact json_contains json_contains_path json_depth json_detailed json_equals "
            "json_exists json_insert json_keys json_length json_loose json_merge json_merge_patch json_merge_preserve json_normalize json_object "
            "json_overlaps json_pretty json_query json_quote json_remove json_replace json_search json_set json_table json_type json_valid"
        ),
        why="is not allowed: single values are taken out of documents",
        hint="Such as `json_extract(classdict, '$.score')`; it is NULL where there is none.",
    ),
)
"""In the order of the documentation."""

_FAMILIES: Mapping[str, Refusal] = MappingProxyType(
    {
        "pg_": next(refusal for refusal in REFUSALS if "load_file" in refusal.names),
        "st_": Refusal(names=frozenset(), why="is not allowed: there is no geometry", hint="angsep() gives the angle between two places."),
    }
)


def refusal_of(name: str) -> Refusal | None:
    """Return why a function, in small letters, is refused; None for one that MariaDB has not either.

    >>> refusal_of("md5").why, refusal_of("flux2mg")
    ('is not allowed: it hides what it is given', None)
    """
    listed = next((refusal for refusal in REFUSALS if name in refusal.names), None)
    return listed or next((refusal for start, refusal in _FAMILIES.items() if name.startswith(start)), None)
