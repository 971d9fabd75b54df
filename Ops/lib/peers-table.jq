# Input: peers.json of Ops/Benchmarks/peers. Output: the same for people to read.
def padded($width): tostring | . + (" " * ([$width - length, 0] | max));
def right($width): tostring | (" " * ([$width - length, 0] | max)) + .;
def row: map(tostring) | "\(.[0] | padded(15))\(.[1:] | map(right(26)) | join(""))";
def rounded: if . >= 1000 then round else . end;
def range:
    if .min == .max then .median | rounded else "\(.median | rounded) (\(.min | rounded)…\(.max | rounded))" end;

. as $all
| "\(.rounds) round(s) of \(.seconds) s a phase, \(.keys) keys, \(.valueBytes) bytes a value, "
    + "\(.clients) clients, \(.processors) processors",
  "rates: closed loop; quantiles: open loop at \(.offeredPutsPerSecond) puts/s, then \(.offeredGetsPerSecond) gets/s",
  "median (min…max) over the rounds",
  "",
  ([""] + [.systems[].system] | row),
  (.systems[0].measures | to_entries[] | .key as $index | .value.name as $name
    | [$name] + [$all.systems[].measures[$index] | range] | row),
  (["failed"] + [.systems[].failed] | row),
  (["generator share"] + [.systems[].generatorShare] | row),
  "",
  (["Quire / other", ""] + [.systems[1:][].system] | row),
  (.systems[0].measures[].name as $name | [$name, ""] + [$all.ratios[] | select(.measure == $name) | range] | row),
  "",
  (.bars[] | "\(if .met then "met    " else "not met" end)  \(.measure) "
    + (if .atLeast then "≥ \(.atLeast)" else "≤ \(.atMost)" end) + " × \(.against): \(.ratio)")
