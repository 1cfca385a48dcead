"""`import cocoindex` means cocoindex-sim in these tests."""

from cocoindex_sim import alias

alias.install()
