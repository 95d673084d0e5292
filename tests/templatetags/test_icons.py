import pytest
from django.template import Context, Template

from costs.budgets.bands import Verdict, VerdictName
from costs.templatetags.icons import VERDICT_ICONS


@pytest.mark.parametrize("name", VerdictName.__value__.__args__)
def test_a_verdict_is_colour_and_word_and_icon(name: VerdictName) -> None:
    assert name in VERDICT_ICONS
    page = Template("{% load icons %}{% verdict verdict %}")
    shown = page.render(Context({"verdict": Verdict(name, "why", urgent=True)}))
    assert f"verdict-{name.replace(' ', '-')}" in shown
    assert f">{name}<" in shown.replace("</svg>", ">")
    assert "<svg" in shown
    assert "urgent" in shown
    assert "ns0" not in shown
