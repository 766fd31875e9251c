import unittest

from weir import Ref


class Refs(unittest.TestCase):
    def test_text_becomes_a_ref_and_text_again(self) -> None:
        for text, ref in {
            "DocChunk/README.md#install": Ref("DocChunk", "README.md#install"),
            "Page@^1.2/a/b": Ref("Page", "a/b", "^1.2"),
            "Page@>=1 <2/größe": Ref("Page", "größe", ">=1 <2"),
            "Page//leading": Ref("Page", "/leading"),
        }.items():
            self.assertEqual(Ref.parse(text), ref)
            self.assertEqual(str(ref), text)

    def test_what_is_no_ref_is_refused_with_the_mend(self) -> None:
        for text, mend in {
            "Page": "has no key: write TYPE/KEY",
            "page/a": "must be A-Z, a-z, 0-9 after a capital",
            "Pagé/a": "must be A-Z, a-z, 0-9 after a capital",
            "Page/": "has an empty key",
            "Page@/a": 'drop the "@"',
        }.items():
            with self.assertRaisesRegex(ValueError, mend):
                Ref.parse(text)
