"""What all pages of a report begin with."""

from __future__ import annotations

# Were a text not escaped, the browser would still run and fetch nothing.
HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>
{style}
</style>
</head>
"""


STYLE = """\
body { font: 15px/1.45 system-ui, sans-serif; color: #1c2430; background: #fff; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 0 .3rem } h2 { font-size: 1.15rem; margin: 2rem 0 .6rem }
p.how { color: #556; margin: 0 0 1rem } p.note { background: #fff6dd; border-left: 4px solid #d9a300; padding: .5rem .8rem }
p.unsafe { background: #b3121d; color: #fff; font-weight: 700; font-size: 1.1rem; padding: .8rem 1rem; border-radius: 4px }
ul.figures { list-style: none; display: flex; flex-wrap: wrap; gap: .6rem; padding: 0; margin: 1rem 0 }
ul.figures li { border: 1px solid #d5dae3; border-radius: 6px; padding: .4rem .9rem; min-width: 5.5rem }
ul.figures b { display: block; font-size: 1.35rem } ul.figures li.bad b { color: #b3121d }
table { border-collapse: collapse; width: 100% } caption { text-align: left; color: #556; padding-bottom: .3rem }
th, td { text-align: left; vertical-align: top; padding: .3rem .55rem; border-bottom: 1px solid #e3e7ee }
th { background: #f3f5f9; font-weight: 600 } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
td.who { min-width: 8rem } td.words { min-width: 18rem; overflow-wrap: anywhere } td.zero { color: #b3121d } td.waits { color: #8a6d00 }
tr.missing td, tr.rejected td { background: #fdf0f0 } td.words ul, td ul { margin: 0; padding-left: 1.1rem }
small { color: #556 } svg text { font: 11px system-ui, sans-serif; fill: #334 }
@media print { body { margin: 0; max-width: none; font-size: 10pt } h2 { break-after: avoid } tr { break-inside: avoid }
  thead { display: table-header-group } * { print-color-adjust: exact; -webkit-print-color-adjust: exact } }
"""  # noqa: E501
