"""Options and words: what may be spelt or ordered differently, and what may not."""

import pytest

pytest.importorskip("bashlex")

from pivotrl_pipeline.verifiers.shell_syntax import normalise_command
from pivotrl_pipeline.verifiers.shell_tables import TABLES, OptionTable


def _are_the_same(left: str, right: str) -> bool:
    forms = [
        normalise_command(each, directory="/repo", keeps_directory=False)
        for each in (left, right)
    ]
    return forms[0] == forms[1]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("git log --grep Alice --author Bob", "git log --author=Bob --grep=Alice"),
        ("git log --oneline -n 3 --stat", "git log --stat -3 --oneline"),
        ("git log --after 1.week -- a", "git log --since=1.week -- a"),
        ("pytest --ignore slow tests", "pytest tests --ignore=slow"),
        ("sort --output a b", "sort b -o a"),
        ("diff -r -x a b c", "diff b c --exclude=a --recursive"),
        ("tar czf o.tgz -C src .", "tar -c -z -C src --file o.tgz ."),
        ("tar xzf a.tgz -C out", "tar -xzf a.tgz --directory=out"),
        ("ls -ltr", "ls -rt -l"),
        ("mv -f -v a b", "mv -v -f a b"),
        ("curl --cookie a b -s", "curl -s -b a b"),
        ("wget -nc -c u", "wget -c u -nc"),
        ("grep -5 foo a", "grep -C 5 foo a"),
        # An option that no table knows: the same words are still the same.
        ("ls --made-up a  b", "ls --made-up a b"),
        # Commas and braces that expand to nothing but themselves.
        ("sed -n 1,5p a", "sed -n '1,5p' a"),
        ("cut -d, -f1 a", "cut -d',' -f1 a"),
        ("awk -F, '{print $1}' a", "awk -F',' '{print $1}' a"),
        ("find . -exec rm {} \\;", "find . -exec rm '{}' ';'"),
        ("git stash show stash@{0}", "git stash show 'stash@{0}'"),
        ("scp ho:~/a .", "scp 'ho:~/a' ."),
        ("make --prefix=~/a", "make '--prefix=~/a'"),
    ],
)
def test_other_spellings_are_the_same(left: str, right: str) -> None:
    assert _are_the_same(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        # Swapped values of options that take one.
        ("git log --author Bob --grep Alice", "git log --grep Bob --author Alice"),
        ("git log --since a --until b", "git log --until a --since b"),
        ("git log -S a -G b", "git log -S b -G a"),
        ("pytest --ignore slow tests", "pytest slow --ignore tests"),
        ("sort --output a b", "sort a --output b"),
        ("diff -r -x a b c", "diff -r a -x b c"),
        ("diff -r -I a b c", "diff -r a -I b c"),
        ("tar -cf o.tar --exclude a b", "tar -cf o.tar a --exclude b"),
        ("tar -cf o.tar -H a b", "tar -cf o.tar a -H b"),
        ("curl --cookie a b", "curl a --cookie b"),
        ("curl -w a b", "curl a -w b"),
        ("wget -i a b", "wget a -i b"),
        ("pip install --target d p", "pip install d --target p"),
        ("ls --ignore a b", "ls a --ignore b"),
        # Nobody knows whether an option that no table knows takes a value.
        ("ls --made-up a b", "ls a --made-up b"),
        ("grep --r a b", "grep a --r b"),
        ("ls -$ab", "ls -$ba"),
        # The last one wins, or the first operand is meant.
        ("mv -f -n a b", "mv -n -f a b"),
        ("rm -i -f a", "rm -f -i a"),
        ("ls -S -t", "ls -t -S"),
        ("git log --oneline --pretty=raw", "git log --pretty=raw --oneline"),
        ("pytest -x --maxfail 2", "pytest --maxfail 2 -x"),
        ("sed -e s/a/b/ -f s f", "sed -f s -e s/a/b/ f"),
        ("tar czf o.tgz -C src .", "tar czf o.tgz . -C src"),
        ("tar czf o.tgz -C src .", "tar czf o.tgz -- -C src ."),
        ("git log -- main", "git log main"),
        ("wget -nv -c u", "wget -nc -v u"),
        ("grep -15 foo a", "grep -51 foo a"),
        ("A=1 A=2 make", "A=2 A=1 make"),
        ("env A=1", "A=1"),
        # What the shell expands.
        ("export P=~/bin", "export P='~/bin'"),
        ("export P=/bin:~/bin", "export P='/bin:~/bin'"),
        ("A=~/x make", "A='~/x' make"),
        ("echo a{1..3}", "echo 'a{1..3}'"),
        ("echo {a,{b}}", "echo '{a,{b}}'"),
        ("echo {a,${x}}", "echo '{a,'${x}'}'"),
        ("echo {{a,b},c}", "echo '{{a,b},c}'"),
    ],
)
def test_other_meanings_are_not_the_same(left: str, right: str) -> None:
    assert not _are_the_same(left, right)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_tables_do_not_contradict_themselves(table: OptionTable) -> None:
    long_names = table.long_flags | table.long_with_value
    grouped = [name for group in table.overriding for name in group]

    assert not table.long_flags & table.long_with_value
    assert not long_names & table.synonyms.keys()
    assert set(table.paths) <= set(table.with_value)
    assert len(grouped) == len(set(grouped))
    assert all(len(name) == 1 or name in long_names for name in grouped)
