# Input: the measurements of Ops/Benchmarks/peers. Output: medians, ratios with their spread, and the bars.
def hundredths: . * 100 | round / 100;
def median: sort | if length % 2 == 1 then .[(length - 1) / 2] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def spread: {median: (median | hundredths), min: (min | hundredths), max: (max | hundredths)};

# What is compared: the phase it comes from, and where it is in a result.
def measures: [
    {name: "puts/s", phase: "puts", path: ["operationsPerSecond"]},
    {name: "gets/s", phase: "gets", path: ["operationsPerSecond"]},
    {name: "put server µs", phase: "puts", path: ["serverMicrosecondsPerOperation"]},
    {name: "get server µs", phase: "gets", path: ["serverMicrosecondsPerOperation"]},
    {name: "put p50 ms", phase: "offered-puts", path: ["put", "p50Milliseconds"]},
    {name: "put p99 ms", phase: "offered-puts", path: ["put", "p99Milliseconds"]},
    {name: "put p99.9 ms", phase: "offered-puts", path: ["put", "p999Milliseconds"]},
    {name: "get p50 ms", phase: "offered-gets", path: ["get", "p50Milliseconds"]},
    {name: "get p99 ms", phase: "offered-gets", path: ["get", "p99Milliseconds"]},
    {name: "get p99.9 ms", phase: "offered-gets", path: ["get", "p999Milliseconds"]}
];
def bars: [
    {measure: "puts/s", against: "redis-always", atLeast: 1},
    {measure: "puts/s", against: "etcd", atLeast: 3},
    {measure: "gets/s", against: "etcd", atLeast: 4},
    {measure: "put p99.9 ms", against: "redis-always", atMost: 1},
    {measure: "put p99.9 ms", against: "etcd", atMost: 1},
    {measure: "get p99.9 ms", against: "redis-always", atMost: 1},
    {measure: "get p99.9 ms", against: "etcd", atMost: 1}
];

. as $all
| ["quire", "redis-always", "redis-everysec", "etcd"] as $systems
# values(SYSTEM; MEASURE): one for each round, in their order.
| def values($system; $measure):
    [$all | sort_by(.round)[] | select(.system == $system and .phase == $measure.phase)
        | .result | getpath($measure.path)];
[measures[] as $measure | $systems[1:][] | . as $other
    | [[values("quire"; $measure), values($other; $measure)] | transpose[] | .[0] / .[1]]
    | {measure: $measure.name, against: $other} + spread] as $ratios
| {
    rounds: ([$all[].round] | max), seconds: $seconds, keys: $keys, processors: $processors,
    clients: 64, valueBytes: 1024, offeredPutsPerSecond: $puts, offeredGetsPerSecond: $gets,
    systems: [$systems[] as $system | {
        system: $system,
        measures: [measures[] as $measure | {name: $measure.name} + (values($system; $measure) | spread)],
        failed: ([$all[] | select(.system == $system) | .result.failures | add // 0] | add),
        generatorShare: ([$all[] | select(.system == $system and .phase == "puts") | .result
            | .generatorProcessorSeconds / (.seconds * $processors)] | median | hundredths)
    }],
    ratios: $ratios,
    bars: [bars[] as $bar | first($ratios[] | select(.measure == $bar.measure and .against == $bar.against)) as $ratio
        | $bar + {ratio: $ratio.median,
            met: (if $bar.atLeast then $ratio.median >= $bar.atLeast else $ratio.median <= $bar.atMost end)}]
}
