"""Where a command runs: a ``cd`` disappears only where nothing else depends on it."""

import pytest

pytest.importorskip("bashlex")

from pivotrl_pipeline.verifiers.shell_syntax import normalise_command


def _are_the_same(left: str, right: str) -> bool:
    forms = [
        normalise_command(each, directory="/repo", keeps_directory=False)
        for each in (left, right)
    ]
    return forms[0] == forms[1]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        # A `cd` succeeds, so `;` and `&&` behind it are the same.
        ("make a; cd src && make", "make a\ncd src && make"),
        ("make a; cd src && make", "make a; cd src; make"),
        ("make a && cd src && make", "make a && cd ./src/ && make"),
        ("cd src && cd lib; make", "cd src/lib && make"),
        ("cd src && make & cat a", "cd src && make & cat ./a"),
        ("(cd src && make); cat a", "(cd src; make); cat /repo/a"),
        ("(make; cd src)", "(make\ncd ./src)"),
        ("cd $d && cat a", "cd $d && cat ./a"),
        ("cd $d; cd /repo/src; cat a", "cd $d; cat /repo/src/a"),
        ("f() { cat a; }; f", "f() { cat ./a; }; f"),
        # what is spelt out
        ("cd src && sort -o out a.txt", "sort -o src/out src/a.txt"),
        ("cd src && sort --output=out a.txt", "sort -o src/out src/a.txt"),
        ("cd src && grep -f pats a.txt", "grep --file src/pats src/a.txt"),
        ("cd src && sed -f script a.txt", "sed -f src/script src/a.txt"),
        ("cd src && cp -t dest a", "cp -t src/dest src/a"),
        ("cd src && touch -r a b", "touch -r src/a src/b"),
        ("cd src && chmod -f 755 a", "chmod -f 755 src/a"),
        ("cd src && chmod -x a", "chmod -x src/a"),
        ("cd src && cat a | grep foo | wc -l", "cat src/a | grep foo | wc -l"),
        ("cd src && cat a >& log", "cat src/a &> src/log"),
        ("cd src && ls ../*.py", "cd src && ls .././*.py"),
        ("cd src && cat *.py", "cat src/*.py"),
    ],
)
def test_directory_that_does_not_matter_disappears(left: str, right: str) -> None:
    assert _are_the_same(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        # The next step keeps its own condition.
        ("rm -rf build; cd src && make", "rm -rf build && cd src && make"),
        ("grep -q x f && cd src; make", "grep -q x f; cd src; make"),
        ("test -f a && cd src; rm -rf b", "test -f a; cd src && rm -rf b"),
        ("(rm x; cd src && make)", "(rm x && cd src && make)"),
        ("(make; cd src) || cat a", "(make) || cat a"),
        # Nobody knows where the shell stands behind a `cd` that may not have run.
        ("a && cd src && b; cat c", "a && cd src && b; cat /repo/src/c"),
        ("a && cd src && b || cat c", "a && cd src && b || cat /repo/src/c"),
        ("a && cd src && b\ncat c", "a && cd src && b\ncat /repo/src/c"),
        ("cd src || exit 1; cat a", "cd src || exit 1; cat /repo/a"),
        ("cd $d; cat a", "cd $d; cat /repo/a"),
        ("cd - && cat a", "cd - && cat /repo/a"),
        ("pushd src; cat a", "pushd src; cat /repo/a"),
        ("cd src && make & cat a", "cd src && make & cat src/a"),
        ("if a; then cd src; fi; cat b", "if a; then cd src; fi; cat /repo/src/b"),
        (
            "if a; then cd src; cat b; else cat b; fi",
            "if a; then cat src/b; else cd src; cat b; fi",
        ),
        ("while a; do cat b; cd c; done", "while a; do cat /repo/b; cd c; done"),
        ("a && { cd src; b; }; cat c", "a && { cd src; b; }; cat /repo/src/c"),
        ("f() { cat a; }; cd src; f", "f() { cat /repo/a; }; cd src; f"),
        ("f() { cd src; }; f; cat a", "f() { cd src; }; f; cat /repo/a"),
        # An expansion may be a path, or read one.
        ("cd src && rm -rf $(cat list)", "rm -rf $(cat list)"),
        ("cd src && rm -rf $d", "rm -rf $d"),
        ("cd src && cat <(sort a)", "cat <(sort a)"),
        ("cd src && head -n $(wc -l a) /x", "head -n $(wc -l a) /x"),
        ("cd src && cat /x > $f", "cat /x > $f"),
        ("cd src && A=$(cat a) cat /x", "A=$(cat a) cat /x"),
        ("cd src && tee /x <<E\n$(cat a)\nE", "tee /x <<E\n$(cat a)\nE"),
        ("cd src && cat {/etc/a,b}", "cat src/{/etc/a,b}"),
        ('cd src && for f in *; do cat "$f"; done', 'for f in *; do cat "$f"; done'),
        ("cd src && for f in *; do cat /x; done", "for f in *; do cat /x; done"),
        ("cat a/*/../b", "cat a/b"),
        ("ls -d */", "ls -d *"),
        # Not every command behind a pipe only reads it.
        ("cat src/a.tgz | tar xz", "cd src && cat a.tgz | tar xz"),
        ("cat /tmp/in | make", "cd src && cat /tmp/in | make"),
        ("cat /x | awk -f p.awk", "cd src && cat /x | awk -f p.awk"),
        ("cat /x | grep -r foo", "cd src && cat /x | grep -r foo"),
        ("cat /x | grep --recursive foo", "cd src && cat /x | grep --recursive foo"),
        # The value of an option may be a path.
        ("cd src && sort -o out a.txt", "sort -o out src/a.txt"),
        ("cd src && sort --files0-from=a /x", "sort --files0-from=a /x"),
        ("cd src && grep -f pats a.txt", "grep -f pats src/a.txt"),
        ("cd src && sed -f script a.txt", "sed -f script src/a.txt"),
        ("cd src && cp -t dest a", "cp -t dest src/a"),
        ("cd src && mv -t dest a", "mv -t dest src/a"),
        ("cd src && touch -r a b", "touch -r a src/b"),
        ("cd src && chmod -x a b", "chmod -x a src/b"),
        ("cd src && cat /x >& log", "cat /x >& log"),
    ],
)
def test_directory_that_matters_is_compared(left: str, right: str) -> None:
    assert not _are_the_same(left, right)
