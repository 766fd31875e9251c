"""Keys, and what statements are made of."""

import unittest
from typing import Any

from runtime.key import format_key, judge, key_text, parse_key, parse_prefix
from runtime.list import _read_token, _write_token
from runtime.sql import array_param, fetch_sql, literal_pattern, quoted
from runtime.table import Column, Table
from weir.provider import ProviderError


class Keys(unittest.TestCase):
    def test_parts_come_back_whatever_they_hold(self) -> None:
        for parts, key in (
            (["1"], "1"),
            (["a/b", "50%"], "a%2Fb/50%25"),
            ([".."], "%2E%2E"),
            ([" a "], "%20a%20"),
            (["a b"], "a b"),
            (["e\u0301"], "e%CC%81"),
            (["\u202ex\n"], "%E2%80%AEx%0A"),
            (["😀", "日本"], "😀/日本"),
        ):
            self.assertEqual(format_key(parts), key)
            self.assertEqual(parse_key(key, len(parts)), parts)

    def test_what_is_no_key(self) -> None:
        for key in ("a", "a/b/c", "%zz/b", "a%2fb/c", "%61/b", "a/%FF", "a/%00"):
            self.assertIsNone(parse_key(key, 2), key)
        self.assertIsNone(format_key(["x" * 1025]))
        self.assertIsNone(format_key([""]))

    def test_prefixes_may_end_within_a_character(self) -> None:
        self.assertEqual(parse_prefix("a%2Fb/%E2%8"), ["a/b", ""])
        self.assertEqual(parse_prefix("a%C3"), ["a"])
        self.assertEqual(parse_prefix(""), [""])
        self.assertIsNone(parse_prefix("%zz/a"))

    def test_texts_are_judged_by_their_types(self) -> None:
        for sql, text, verdict in (
            ("integer", "2147483647", "value"),
            ("integer", "2147483648", "none"),
            ("bigint", "-9223372036854775808", "value"),
            ("smallint", "01", "none"),
            ("integer", "１", "none"),
            ("uuid", "6F9619FF-8B86-D011-B42D-00CF4FC964FF", "none"),
            ("boolean", "true", "value"),
            ("numeric", "1e5", "unknown"),
            ("text", "x", "value"),
            ("date", "x", "unknown"),
        ):
            self.assertEqual(judge(sql, text), verdict, (sql, text))
        self.assertEqual(key_text("timestamptz", "2024-01-01 00:00:00+00"), "2024-01-01T00:00:00Z")


class Statements(unittest.TestCase):
    def test_names_and_values_stand_for_themselves(self) -> None:
        self.assertEqual(quoted('a"b%s'), '"a""b%%s"')
        self.assertEqual(literal_pattern("50%_\\"), "50\\%\\_\\\\")
        self.assertEqual(array_param(['a"b', "c\\d", "{,}", ""]), '{"a\\"b","c\\\\d","{,}",""}')

    def test_page_tokens_of_others(self) -> None:
        columns = {"id": Column("integer", "number")}
        table = Table("T", "1.0.0", "public", "t", columns, ["id"], {})
        token = _write_token(table, ["2", "title", "7"])
        place = _read_token(table, token)
        self.assertEqual((place.rank, place.parts), (2, ["7"]))
        faults: list[Any] = ["x", "é", "bnVsbA==", "WzEsMl0=", "WzAsImEiLCJiIl0="]
        for fault in faults:
            with self.assertRaises(ProviderError, msg=fault):
                _read_token(table, fault)
        self.assertIn('t."id"', fetch_sql(table))


if __name__ == "__main__":
    unittest.main()
