"""What becomes of the texts of the server."""

import random
import unittest
from typing import Any

from runtime.codec import Array, Codec, Multirange, RangeOf, Record, decode

VALUES: list[tuple[Codec, str, Any]] = [
    ("text", "x", "x"),
    ("trimmed", "AB   ", "AB"),
    ("boolean", "f", False),
    ("number", "12", 12),
    ("number", "-12.50", -12.5),
    ("number", "NaN", "NaN"),
    ("number", "-Infinity", "-Infinity"),
    ("timestamp", "2024-01-31 18:00:00.5", "2024-01-31T18:00:00.5"),
    ("timestamptz", "2024-01-31 18:00:00+00", "2024-01-31T18:00:00Z"),
    ("timestamptz", "0044-03-15 12:00:00+00 BC", "0044-03-15T12:00:00Z BC"),
    ("timestamptz", "-infinity", "-infinity"),
    ("bytes", "\\x00ff68", "AP9o"),
    ("json", '{"a": [1, null]}', {"a": [1, None]}),
    ("json", '{"a": 12345678901234567890}', {"a": 12345678901234567890}),
    (Array("number"), "{}", []),
    (Array("number"), "{1,NULL,3}", [1, None, 3]),
    (Array("number"), "[5:6]={7,8}", [7, 8]),
    (Array("number"), "{{1,2},{3,4}}", [[1, 2], [3, 4]]),
    (
        Array("text"),
        '{"","NULL",NULL,"a,b","{x}","q\\"q","b\\\\s"}',
        ["", "NULL", None, "a,b", "{x}", 'q"q', "b\\s"],
    ),
    (Array("text", ";"), "{(1,1),(0,0);(2,2),(1,1)}", ["(1,1),(0,0)", "(2,2),(1,1)"]),
    (Record({"a": "text", "b": "number"}), '("Main ""St"", 5",5)', {"a": 'Main "St", 5', "b": 5}),
    (Record({"a": "text", "b": "number"}), '("",)', {"a": "", "b": None}),
    (Record({"a": "text"}), "()", {"a": None}),
    (
        Array(Record({"a": "text", "b": Array("text")})),
        '{"(\\"a, (b)\\",\\"{\\"\\"x y\\"\\",z}\\")"}',
        [{"a": "a, (b)", "b": ["x y", "z"]}],
    ),
    (RangeOf("number"), "[1,10)", {"lower": 1, "upper": 10, "bounds": "[)"}),
    (RangeOf("number"), "(,5]", {"lower": None, "upper": 5, "bounds": "(]"}),
    (RangeOf("number"), "empty", {"lower": None, "upper": None, "bounds": "empty"}),
    (
        RangeOf("timestamp"),
        '["2024-01-01 00:00:00",)',
        {"lower": "2024-01-01T00:00:00", "upper": None, "bounds": "[)"},
    ),
    (Multirange("number"), "{}", []),
    (
        Multirange("number"),
        "{[1,3),[5,8)}",
        [
            {"lower": 1, "upper": 3, "bounds": "[)"},
            {"lower": 5, "upper": 8, "bounds": "[)"},
        ],
    ),
]

FAULTS: list[tuple[Codec, str]] = [
    (Array("text"), "x"),
    (Array("text"), "{a"),
    (Array("text"), "{{{"),
    (Array("text"), "{" * 100),
    (Record({"a": "text"}), "(a,b)"),
    (Record({"a": "text"}), "x"),
    ("json", "{"),
]


class Decode(unittest.TestCase):
    def test_values(self) -> None:
        for codec, text, value in VALUES:
            with self.subTest(codec=codec, text=text):
                self.assertEqual(decode(codec, text), value)
        self.assertIsNone(decode("json", None))

    def test_faults_end(self) -> None:
        for codec, text in FAULTS:
            with self.subTest(codec=codec, text=text), self.assertRaises(ValueError):
                decode(codec, text)

    def test_whatever_text_comes_it_ends(self) -> None:
        chance = random.Random(1)
        codecs: list[Codec] = [Array("text"), RangeOf("text"), Multirange("text")]
        for _ in range(2_000):
            text = "".join(chance.choices('{}[](),"\\ax= ', k=chance.randrange(40)))
            try:
                decode(chance.choice(codecs), text)
            except ValueError:
                pass


if __name__ == "__main__":
    unittest.main()
