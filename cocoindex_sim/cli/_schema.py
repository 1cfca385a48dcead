"""`coco-sim schema`."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["schema"]


@click.command()
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write it to this file."
)
def schema(output: Path | None) -> None:
    """Print the JSON Schema of scenario files, by which editors complete and check them."""
    from ..scenario import schema_text  # late: no other command needs the simulation

    if output is None:
        click.echo(schema_text(), nl=False)
        return
    try:
        output.write_text(schema_text(), "utf-8")
    except OSError as error:
        raise click.ClickException(f"can't write {str(output)!r}: {error.strerror}") from error
    click.echo(
        f"Wrote {str(output)!r}. Begin each scenario file with a line that leads there, seen from the file:\n\n"
        f"  # yaml-language-server: $schema={output.name}"
    )
