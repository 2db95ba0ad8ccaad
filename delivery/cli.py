"""The command line: what a person types, handed to the module that does it."""

from __future__ import annotations

import sys
import tempfile
import time
import tomllib
import traceback
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from delivery.cost.cli import cost
from delivery.failure import ExitCode, Failure
from delivery.images.cli import image as images
from delivery.platforms.targets import stack_name
from delivery.terminal import data, say

ROOT = Path(__file__).resolve().parents[1]

app = typer.Typer(
    name="trimaran",
    help="One LLM app on AWS, Google Cloud, Azure or this machine: deployed, priced and promoted with Pulumi.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Stack = Annotated[
    str, typer.Argument(metavar="STACK", help="<target>-<dev|staging|prod>; a target alone is its dev stack.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
_PASS_ON = {"ignore_unknown_options": True, "help_option_names": []}


def _version(wanted: bool) -> None:
    if wanted:
        data(f"trimaran {tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['version']}")
        raise typer.Exit


@app.callback()
def trimaran(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


@app.command()
def up(stack: Stack = "local") -> None:
    """Make a stack run as its config says, and heal what died. Prints where it answers."""
    from delivery import deployment

    deployment.up(ROOT, stack_name(stack))


@app.command()
def down(stack: Stack = "local") -> None:
    """Stop and delete all that a stack runs. Its config stays."""
    from delivery import deployment

    deployment.down(ROOT, stack_name(stack))


@app.command()
def status(
    stack: Annotated[str, typer.Argument(metavar="STACK", help="One stack instead of all on this machine.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show every deployed stack: URL, revision, health, traffic split."""
    from delivery import status as module

    module.show(ROOT, stack_name(stack) or None, as_json=as_json)


@app.command()
def logs(
    stack: Stack = "local",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on showing what is written.")] = False,
    lines: Annotated[int, typer.Option(min=1, metavar="N", help="How many lines from the end.")] = 100,
) -> None:
    """Show what the app of a stack has written."""
    from delivery import logs as module

    module.show(ROOT, stack_name(stack), follow=follow, lines=lines)


@app.command()
def serve(
    routes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A routes file instead of the embedded model.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, metavar="N", help="Where it listens on 127.0.0.1.")] = 8000,
) -> None:
    """Run the app alone in the foreground."""
    from delivery import serving

    serving.serve(ROOT, routes, port)


@app.command()
def rehearse(
    stack: Stack,
    cycle: Annotated[bool, typer.Option("--cycle", help="Also up, up again, a change of config, destroy.")] = False,
    as_json: AsJson = False,
) -> None:
    """Plan a stack with every input checked and no cloud called; judge and price the plan."""
    from delivery.rehearsal import command

    command.rehearse(ROOT, stack_name(stack), whole_cycle=cycle, as_json=as_json)


Setting = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="model, modelRevision or systemPrompt of the new version."),
]
SuiteName = Annotated[str, typer.Option("--suite", metavar="NAME|FILE", help="What both versions are asked.")]


@app.command()
def promote(
    stack: Stack = "local",
    settings: Setting = None,
    image: Annotated[str, typer.Option(metavar="DIGEST", help="The new version's image, by digest.")] = "",
    suite: SuiteName = "general",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many requests and hours it takes.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show split, verdicts and a chart while it runs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Move traffic to a new version step by step, as long as it answers as well as the old. Goes on where it was broken off."""
    from delivery.promotion import command

    command.promote(
        ROOT,
        stack_name(stack),
        settings=settings or [],
        image=image,
        suite=suite,
        only_plan=dry_run,
        watching=watch,
        as_json=as_json,
    )


@app.command()
def rollback(stack: Stack = "local") -> None:
    """Give all traffic back to the version before, at once and from any state."""
    from delivery.promotion import command

    command.rollback(ROOT, stack_name(stack))


@app.command()
def pipeline(stack: Stack = "local", settings: Setting = None, suite: SuiteName = "general") -> None:
    """Preview, cost, policies, deploy, evaluation gate, promotion: what a CI system calls."""
    from delivery import pipeline as module

    module.run(ROOT, stack_name(stack), settings=settings or [], suite=suite)


@app.command(context_settings=_PASS_ON)
def pulumi(arguments: Annotated[list[str] | None, typer.Argument(metavar="ARGS")] = None) -> None:
    """Run any Pulumi verb in the kit's environment."""
    from delivery import passthrough

    passthrough.run(ROOT, arguments or [])


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is on this machine, what is missing and what to do. Exits with 1 where something needed is missing."""
    from delivery import doctor as module

    module.show(ROOT, as_json=as_json)


app.command()(cost)


@app.command()
def policies(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="One rule in full instead of the list.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the rules that every stack keeps, or explain one."""
    from delivery import policies as module

    module.show(rule, as_json=as_json)


@app.command("eval")
def evaluate(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the app, or any server with OpenAI's API, answers.")],
    suite: Annotated[str, typer.Option(metavar="NAME|FILE", help="smoke, general, or a .yaml or .jsonl file.")],
    key_env: Annotated[
        str, typer.Option("--key-env", metavar="NAME", help="The environment variable that holds the key.")
    ] = "",
    repeats: Annotated[int, typer.Option(min=1, metavar="N", help="How often each case is asked.")] = 1,
    concurrency: Annotated[int, typer.Option(min=1, metavar="N", help="How many answers are awaited at once.")] = 4,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the report as one HTML file.")] = None,
    min_pass: Annotated[
        float, typer.Option("--min-pass", min=0, max=100, metavar="PERCENT", help="Exit with 3 when fewer cases pass.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Ask a version every case of a suite and say how well it answered."""
    from delivery.quality import command

    command.evaluation(
        ROOT,
        url,
        suite,
        key_env=key_env,
        repeats=repeats,
        concurrency=concurrency,
        html=html,
        min_pass=min_pass,
        as_json=as_json,
    )


@app.command()
def drill(
    against: Annotated[Path, typer.Option(metavar="FILE", help="The routes file whose first provider is taken away.")],
    model: Annotated[str, typer.Option(metavar="NAME", help="One of its models instead of the default one.")] = "",
    suite: Annotated[str, typer.Option(metavar="NAME|FILE", help="What is asked meanwhile.")] = "general",
    fault: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A fault instead of all; may be given several times.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=256, metavar="N", help="How many callers ask at once.")] = 8,
    max_lost: Annotated[
        float | None, typer.Option(min=0, max=100, metavar="PERCENT", help="Exit with 3 when more answers are lost.")
    ] = None,
    max_first_success: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Exit with 3 when the first success takes longer.")
    ] = None,
    max_added_ms: Annotated[
        float | None,
        typer.Option(min=0, metavar="MS", help="Exit with 3 when first tokens come later than usual by more."),
    ] = None,
    max_quality_drop: Annotated[
        float | None, typer.Option(min=0, max=100, metavar="POINTS", help="Exit with 3 when fewer cases pass by more.")
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the report as one HTML file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take a provider away under load, in every way there is, and say what became of the answers."""
    from delivery.drill import command
    from delivery.drill.figures import Limits

    limits = Limits(
        lost_percent=max_lost,
        first_success_s=max_first_success,
        added_ms=max_added_ms,
        quality_points=max_quality_drop,
    )
    command.drill(
        ROOT,
        against,
        model=model,
        suite_name=suite,
        faults=fault or [],
        concurrency=concurrency,
        limits=limits,
        html=html,
        as_json=as_json,
    )


Region = Annotated[
    str, typer.Option("--region", metavar="REGION", help="Where it is.", show_default="the cloud's usual one")
]


@app.command()
def bootstrap(
    cloud: Annotated[str, typer.Argument(metavar="CLOUD", help="The word that the names of its targets begin with.")],
    region: Region = "",
    bucket: Annotated[str, typer.Option(metavar="NAME", help="A name of your own for the bucket.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it only say what would be done.")] = False,
) -> None:
    """Make the bucket of the stacks' state and the key of their secrets, once an account."""
    from delivery import bootstrap as module

    module.bootstrap(cloud, region, bucket, yes=yes)


weights = typer.Typer(name="weights", help="The models' files that engines read.", no_args_is_help=True)
app.add_typer(weights)


@weights.command("sync")
def weights_sync(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model of catalog/models.py.")],
    bucket: Annotated[str, typer.Option(metavar="NAME", help="The foundation's bucket of models.")],
    region: Region = "",
    folder: Annotated[
        Path | None, typer.Option("--from", metavar="FOLDER", help="The files here, instead of the model hub.")
    ] = None,
) -> None:
    """Put a model's files, pinned to one commit, into a bucket."""
    from delivery import weights as module

    module.sync(model, bucket, region, folder)


app.add_typer(images)


@app.command("test", context_settings={"ignore_unknown_options": True})
def run_tests(
    arguments: Annotated[list[str] | None, typer.Argument(metavar="PYTEST_ARGS", help="What pytest is told.")] = None,
    long: Annotated[bool, typer.Option("--long", help="Also the tests that take minutes.")] = False,
) -> None:
    """Run every check and test; with arguments pytest with these, after the checks of the files that changed."""
    from delivery import checks

    checks.run(ROOT, arguments or [], long=long)


@app.command()
def check() -> None:
    """Check formatting, types and layers of the whole tree: what takes seconds."""
    from delivery import checks

    checks.check(ROOT)


@app.command()
def goldens() -> None:
    """Write every golden file anew: plans, costs, policies, transcripts, pages. The diff is the review."""
    from delivery import goldens as module

    module.rewrite(ROOT)


def main() -> NoReturn:
    """Run the command line and exit with its status; a person's mistake never shows a traceback."""
    try:
        status = app(standalone_mode=False, prog_name="./trimaran")
        if status == ExitCode.INTERRUPTED:  # what Typer makes of Ctrl-C
            raise KeyboardInterrupt
        sys.exit(status if isinstance(status, int) else ExitCode.DONE)
    except Failure as failure:
        _end(failure.sentence, failure.hint, failure.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _end("stopped.", "", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(ExitCode.FAILED)
    except typer.TyperException as error:
        if not error.format_message():  # no command at all: the help has been shown
            sys.exit(ExitCode.USAGE)
        context = getattr(error, "ctx", None)
        _end(error.format_message(), f"{context.command_path if context else './trimaran'} --help", ExitCode.USAGE)
    except Exception as error:  # noqa: BLE001  the last line of defence: a person gets a line, the log the rest
        _end(f"unexpected: {type(error).__name__}: {error}", f"the traceback is in {_crash_log()}", ExitCode.FAILED)


def _end(sentence: str, hint: str, exit_code: ExitCode) -> NoReturn:
    say(f"error: {sentence}")
    if hint:
        say(f"hint: {hint}")
    sys.exit(exit_code)


def _crash_log() -> Path:
    name = f"crash-{time.strftime('%Y%m%d-%H%M%S')}.log"
    for directory in (ROOT / ".trimaran/logs", Path(tempfile.gettempdir())):
        try:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(traceback.format_exc(), encoding="utf-8")
        except OSError:
            continue
        return directory / name
    return Path("nowhere: no directory can be written")


if __name__ == "__main__":
    main()
