"""What the options of common commands mean, so far as their order and spelling go.

For a command in the table, options may stand anywhere among the operands, short ones
may share a dash, and a long one may have a short name. A short option that no table
names is a flag, so every short option with a value has to be named; a long one that no
table names is not guessed at (`shell_options`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OptionTable:
    """How one command reads its arguments."""

    with_value: str = ""
    """Short options that take a value, in the same word or the next."""
    with_suffix: str = ""
    """Short options that take the rest of their own word, if there is one."""
    long_with_value: frozenset[str] = frozenset()
    long_flags: frozenset[str] = frozenset()
    """Long options without a short name that need no value."""
    synonyms: Mapping[str, str] = field(default_factory=dict)
    """The short option by its long or second name."""
    paths: str = ""
    """Short options whose value is a path."""
    overriding: tuple[Collection[str], ...] = ()
    """Groups of options of which a later one may undo an earlier one."""
    positional: frozenset[str] = frozenset()
    """Options that mean something else before an operand than behind it."""
    number_is: str = ""
    """The option that a bare number stands for (``head -5``)."""
    first_path: int | None = None
    """Index of the first operand that is a path; None if none is."""
    is_unordered: bool = False
    """True if the order of the operands means nothing."""
    keeps_slash: bool = False
    """True if a slash at the end of a path means something."""
    stops_at_operand: bool = False
    """True if every word after the first operand is an operand."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _synonyms(text: str) -> dict[str, str]:
    """``'all a force f'`` as a mapping."""
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


_GREP = OptionTable(
    "efABCmdD",
    long_with_value=_names("include exclude exclude-dir binary-files label"),
    long_flags=_names("color colour"),
    synonyms=_synonyms(
        "recursive r dereference-recursive R directories d devices D ignore-case i "
        "line-number n invert-match v files-with-matches l files-without-match L "
        "count c word-regexp w line-regexp x extended-regexp E fixed-strings F "
        "perl-regexp P only-matching o quiet q silent q no-messages s no-filename h "
        "with-filename H text a regexp e file f max-count m after-context A "
        "before-context B context C"
    ),
    paths="f",
    overriding=(("include", "exclude"), "hH", "lL", "rRd", "EFGP"),
    number_is="C",
    first_path=1,
)
_PIP = OptionTable(
    "rceitfC",
    long_with_value=_names(
        "extra-index-url root prefix src upgrade-strategy no-binary only-binary "
        "platform python-version progress-bar timeout retries proxy trusted-host"
    ),
    long_flags=_names(
        "no-deps user force-reinstall no-cache-dir pre no-build-isolation "
        "break-system-packages prefer-binary no-input disable-pip-version-check"
    ),
    synonyms=_synonyms(
        "requirement r constraint c editable e index-url i target t find-links f "
        "config-settings C quiet q verbose v upgrade U ignore-installed I"
    ),
    overriding=(("no-binary", "only-binary"),),
)
_APT = OptionTable(
    "otc",
    long_flags=_names("no-install-recommends no-install-suggests reinstall"),
    synonyms=_synonyms(
        "yes y assume-yes y quiet q option o target-release t config-file c "
        "fix-broken f download-only d dry-run s simulate s"
    ),
)
_COPY_NAMES = (
    "force f interactive i no-clobber n target-directory t suffix S verbose v "
    "update u no-target-directory T"
)

TABLES: Mapping[str, OptionTable] = {
    "ls": OptionTable(
        "IwT",
        long_with_value=_names("hide block-size sort time format time-style"),
        long_flags=_names("color group-directories-first"),
        synonyms=_synonyms(
            "all a almost-all A human-readable h recursive R reverse r directory d "
            "inode i size s classify F ignore I width w tabsize T"
        ),
        overriding=(
            ("S", "U", "X", "f", "t", "v", "sort"),
            ("1", "C", "g", "l", "m", "n", "o", "x", "format"),
            ("h", "k", "block-size"),
            ("c", "u", "time"),
            "Aa",
        ),
        first_path=0,
    ),
    "rm": OptionTable(
        long_flags=_names("one-file-system preserve-root no-preserve-root"),
        synonyms=_synonyms("recursive r R r force f dir d verbose v"),
        overriding=("fiI",),
        first_path=0,
        is_unordered=True,
    ),
    "rmdir": OptionTable(
        long_flags=_names("ignore-fail-on-non-empty"),
        synonyms=_synonyms("parents p verbose v"),
        first_path=0,
        is_unordered=True,
    ),
    "mkdir": OptionTable(
        "m",
        synonyms=_synonyms("parents p mode m verbose v"),
        first_path=0,
        is_unordered=True,
    ),
    "touch": OptionTable(
        "drt",
        long_with_value=_names("time"),
        synonyms=_synonyms("date d reference r no-create c"),
        paths="r",
        overriding=("drt",),
        first_path=0,
        is_unordered=True,
    ),
    "cp": OptionTable(
        "tS",
        long_with_value=_names("no-preserve"),
        long_flags=_names("preserve parents"),
        synonyms=_synonyms(
            f"{_COPY_NAMES} recursive r R r archive a link l symbolic-link s "
            "dereference L no-dereference P"
        ),
        paths="t",
        overriding=("fin", ("a", "d", "p", "H", "L", "P", "preserve", "no-preserve")),
        first_path=0,
        keeps_slash=True,
    ),
    "mv": OptionTable(
        "tS",
        synonyms=_synonyms(_COPY_NAMES),
        paths="t",
        overriding=("fin",),
        first_path=0,
        keeps_slash=True,
    ),
    "ln": OptionTable(
        "tS",
        synonyms=_synonyms(
            "symbolic s force f no-dereference n relative r verbose v "
            "target-directory t"
        ),
        overriding=("fi", "LP"),
    ),
    "cat": OptionTable(synonyms=_synonyms("number n show-all A"), first_path=0),
    "head": OptionTable(
        "nc",
        synonyms=_synonyms("lines n bytes c quiet q verbose v"),
        overriding=("nc", "qv"),
        number_is="n",
        first_path=0,
    ),
    "tail": OptionTable(
        "ncs",
        long_with_value=_names("pid"),
        long_flags=_names("retry"),
        synonyms=_synonyms(
            "lines n bytes c follow f quiet q verbose v sleep-interval s"
        ),
        overriding=("nc", "qv", "fF"),
        number_is="n",
        first_path=0,
    ),
    "wc": OptionTable(
        synonyms=_synonyms("lines l words w bytes c chars m max-line-length L"),
        first_path=0,
    ),
    "sort": OptionTable(
        "kotST",
        synonyms=_synonyms(
            "reverse r numeric-sort n unique u key k field-separator t output o "
            "buffer-size S temporary-directory T ignore-case f version-sort V "
            "human-numeric-sort h general-numeric-sort g stable s merge m"
        ),
        paths="oT",
        first_path=0,
    ),
    "uniq": OptionTable(
        "fsw",
        synonyms=_synonyms(
            "count c repeated d unique u ignore-case i skip-fields f skip-chars s "
            "check-chars w"
        ),
        first_path=0,
    ),
    "cut": OptionTable(
        "dfcb",
        long_with_value=_names("output-delimiter"),
        long_flags=_names("complement"),
        synonyms=_synonyms(
            "delimiter d fields f characters c bytes b only-delimited s"
        ),
        first_path=0,
    ),
    "grep": _GREP,
    "egrep": _GREP,
    "fgrep": _GREP,
    "sed": OptionTable(
        "efl",
        with_suffix="i",
        synonyms=_synonyms(
            "quiet n silent n expression e file f in-place i regexp-extended E r E "
            "line-length l separate s null-data z"
        ),
        paths="f",
        overriding=("ef",),
        first_path=1,
    ),
    "awk": OptionTable(
        "FvfeEil",
        synonyms=_synonyms("field-separator F assign v file f"),
        overriding=("feil",),
        stops_at_operand=True,
    ),
    "tee": OptionTable(synonyms=_synonyms("append a"), first_path=0),
    "tar": OptionTable(
        "fCTXbgHIKLNVF",
        long_with_value=_names("exclude strip-components transform owner group mode"),
        long_flags=_names("no-same-owner numeric-owner zstd"),
        synonyms=_synonyms(
            "extract x get x create c list t file f directory C files-from T "
            "exclude-from X gzip z bzip2 j xz J verbose v use-compress-program I"
        ),
        positional=_names("C T X exclude"),
    ),
    "chmod": OptionTable(
        synonyms=_synonyms("recursive R verbose v changes c silent f quiet f"),
        # `chmod -x FILE`: the mode, not an option
        positional=_names("r w x X s t"),
        first_path=1,
    ),
    "chown": OptionTable(
        long_with_value=_names("from"),
        long_flags=_names("dereference"),
        synonyms=_synonyms("recursive R verbose v no-dereference h"),
        overriding=("HLP", ("h", "dereference")),
        first_path=1,
    ),
    "diff": OptionTable(
        "UCxXIFWSDL",
        long_flags=_names("color strip-trailing-cr suppress-common-lines"),
        synonyms=_synonyms(
            "recursive r unified u context c brief q report-identical-files s "
            "side-by-side y ignore-all-space w ignore-space-change b ignore-case i "
            "ignore-blank-lines B new-file N text a exclude x exclude-from X "
            "ignore-matching-lines I show-function-line F width W label L"
        ),
        paths="X",
        first_path=0,
    ),
    "du": OptionTable(
        "dXBt",
        long_with_value=_names("exclude"),
        long_flags=_names("apparent-size"),
        synonyms=_synonyms(
            "max-depth d summarize s human-readable h all a total c block-size B "
            "threshold t exclude-from X"
        ),
        paths="X",
        overriding=("hkmbB", "LPDH"),
        first_path=0,
    ),
    "stat": OptionTable(
        "c",
        long_with_value=_names("printf"),
        synonyms=_synonyms("format c file-system f dereference L terse t"),
        overriding=(("c", "printf", "t"),),
        first_path=0,
    ),
    "curl": OptionTable(
        "AbcCdDeEFHKmoPQrtTuUwxXyYz",
        long_with_value=_names(
            "data-raw data-binary data-urlencode json connect-timeout retry "
            "retry-delay cacert"
        ),
        long_flags=_names("compressed"),
        synonyms=_synonyms(
            "request X header H data d output o user u silent s location L form F "
            "user-agent A cookie b cookie-jar c dump-header D referer e cert E "
            "max-time m range r upload-file T write-out w proxy x show-error S "
            "insecure k fail f include i head I get G remote-name O verbose v"
        ),
        overriding=(
            ("d", "data-raw", "data-binary", "data-urlencode", "json"),
            "oO",
        ),
        positional=_names(":"),
    ),
    "wget": OptionTable(
        "OoaeiBtTwQPUlARDIX",
        # `-nc` and `-nv` are options of two letters.
        with_suffix="n",
        long_with_value=_names(
            "header user password post-data post-file method body-data limit-rate "
            "referer"
        ),
        long_flags=_names(
            "no-check-certificate no-clobber no-verbose no-parent spider "
            "show-progress no-directories no-host-directories content-disposition"
        ),
        synonyms=_synonyms(
            "output-document O output-file o quiet q verbose v tries t timeout T "
            "directory-prefix P user-agent U input-file i recursive r level l "
            "accept A reject R continue c mirror m page-requisites p convert-links k"
        ),
        overriding=(("q", "v", "n", "no-verbose"), "ml", "oa"),
    ),
    "make": OptionTable(
        "CfIoWE",
        with_suffix="jlO",
        long_flags=_names("no-print-directory"),
        synonyms=_synonyms(
            "directory C file f makefile f include-dir I jobs j keep-going k "
            "silent s quiet s dry-run n just-print n always-make B ignore-errors i"
        ),
        overriding=("kS", ("w", "no-print-directory")),
    ),
    "pytest": OptionTable(
        "kmpcnoWr",
        long_with_value=_names(
            "maxfail tb durations durations-min ignore ignore-glob deselect rootdir "
            "junitxml junit-xml color capture timeout basetemp log-cli-level "
            "confcutdir import-mode cov-report cov-config"
        ),
        long_flags=_names(
            "lf ff failed-first stepwise collect-only no-header no-summary pdb no-cov"
        ),
        synonyms=_synonyms(
            "quiet q verbose v exitfirst x last-failed lf showlocals l numprocesses n"
        ),
        overriding=(("x", "maxfail"), ("s", "capture")),
    ),
    "pip install": _PIP,
    "pip3 install": _PIP,
    "apt-get install": _APT,
    "apt install": _APT,
    "git commit": OptionTable(
        "mFCct",
        with_suffix="Su",
        long_with_value=_names("author date fixup squash trailer cleanup"),
        long_flags=_names("amend no-edit allow-empty allow-empty-message dry-run"),
        synonyms=_synonyms(
            "all a message m file F template t reuse-message C reedit-message c "
            "no-verify n signoff s quiet q verbose v edit e patch p gpg-sign S"
        ),
        overriding=(("e", "no-edit"),),
    ),
    "git add": OptionTable(
        synonyms=_synonyms(
            "all A update u force f verbose v patch p intent-to-add N dry-run n"
        ),
        first_path=0,
        is_unordered=True,
    ),
    "git status": OptionTable(
        with_suffix="u",
        long_flags=_names("porcelain long ignored show-stash"),
        synonyms=_synonyms("short s branch b untracked-files u verbose v"),
        overriding=(("s", "porcelain", "long"),),
    ),
    "git log": OptionTable(
        "nSGLOlU",
        with_suffix="MCBDX",
        long_with_value=_names(
            "since until author committer grep skip date diff-filter format"
        ),
        long_flags=_names(
            "oneline stat graph all decorate no-decorate no-merges merges name-only "
            "name-status numstat shortstat follow reverse pretty abbrev-commit "
            "first-parent color no-color"
        ),
        synonyms=_synonyms("max-count n patch p no-patch s after since before until"),
        overriding=(
            ("oneline", "pretty", "format", "abbrev-commit"),
            ("decorate", "no-decorate"),
            ("merges", "no-merges"),
            ("color", "no-color"),
            "ps",
            "EFP",
            "SG",
        ),
        # `git log -- NAME` is a path, `git log NAME` may be a branch.
        positional=_names("--"),
        number_is="n",
    ),
}
