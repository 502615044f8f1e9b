"""Answers every question again, from the documents alone, by numpy, scipy and pandas.

Reads {"days": [first, last], "values": {metric: {day: number}}, "points": {metric: {day: [numbers]}}, "tags": [day],
"workouts": [day], "asked": [{"what", "params", "answer"}]} and prints one line of JSON a statistic:
{"statistic", "numbers", "ours", "theirs", "difference"}; the difference is relative, ours and theirs are the pair that
differs most.
"""

import json
import math
import sys

import numpy as np
import pandas as pd
from scipy import stats

given = json.load(sys.stdin)
axis = pd.date_range(given["days"][0], given["days"][1], freq="D")


def series(metric):
    values = pd.Series(given["values"][metric], dtype=float)
    values.index = pd.to_datetime(values.index)
    return values.reindex(axis)


table = {}


def compare(statistic, ours, theirs, scale=0.0):
    """Both absent, or both there and alike. `scale` is what counts as a size where the result is near zero."""
    theirs = None if theirs is None or not math.isfinite(theirs) else float(theirs)
    if (ours is None) != (theirs is None):
        difference = math.inf
    elif ours is None:
        return
    else:
        difference = abs(ours - theirs) / max(abs(ours), abs(theirs), scale, 1e-300) if ours != theirs else 0.0
    row = table.setdefault(statistic, {"numbers": 0, "ours": ours, "theirs": theirs, "difference": -1.0})
    row["numbers"] += 1
    if difference > row["difference"]:
        row.update(ours=ours, theirs=theirs, difference=difference)


def bucket_of(bucket):
    if bucket == "week":
        return np.array(["{0}-{1:02}".format(*day.isocalendar()) for day in axis])
    return np.asarray(axis.to_period({"day": "D", "month": "M", "quarter": "Q", "year": "Y"}[bucket]).astype(str))


def aggregate(values, name):
    values = np.asarray(values, dtype=float)
    if name == "count":
        return len(values)
    if len(values) == 0:
        return None
    if name.startswith("p"):
        return np.percentile(values, int(name[1:]))
    if name == "deviation":
        return np.std(values, ddof=1) if len(values) > 1 else None
    return {"mean": np.mean, "sum": np.sum, "min": np.min, "max": np.max, "median": np.median}[name](values)


def buckets(params, answer):
    keys = bucket_of(params["bucket"])
    if answer["metric"] in given["points"]:
        points = given["points"][answer["metric"]]
        groups = pd.Series(range(len(axis)), index=axis).groupby(keys, sort=False)
        parts = [[n for at in group for n in points.get(str(axis[at].date()), [])] for _, group in groups]
        label = f"{params['aggregate']} of points"
    else:
        groups = series(answer["metric"]).groupby(keys, sort=False)
        parts = [group.dropna() for _, group in groups]
        label = f"{params['aggregate']}"
    assert len(parts) == len(answer["points"]), (len(parts), len(answer["points"]))
    for point, part in zip(answer["points"], parts):
        assert point["count"] == len(part), point
        compare(f"{label} by {params['bucket']}", point["value"], aggregate(part, params["aggregate"]))


def weighted(window, half_life):
    age = np.arange(len(window))[::-1]
    known = ~np.isnan(window)
    return np.average(window[known], weights=0.5 ** (age[known] / half_life))


LEAST_SPREADS = {"sleep_score": 2.0, "readiness_score": 2.0, "temperature_deviation": 0.1}


def windows(params, answer):
    values = series(answer["metric"])

    def rolling(days, of, enough=None):
        return of(values.rolling(days, min_periods=enough or -(-days // 2)))

    days = params["rolling"]
    expected = {
        "rolling_mean": rolling(days, lambda window: window.mean()),
        "rolling_median": rolling(days, lambda window: window.median()),
    }
    half_life = params["ewma"]
    # Windows of pandas are full from the first day on; the row is lengthened to the left so that ours are too.
    lead = pd.Series(np.nan, index=pd.date_range(end=axis[0] - pd.Timedelta(days=1), periods=10 * half_life))
    padded = pd.concat([lead, values]).rolling(10 * half_life, min_periods=5 * half_life)
    expected["ewma"] = padded.apply(lambda window: weighted(window, half_life), raw=True).reindex(axis)
    before = values.shift(1).rolling(params["baseline"], min_periods=-(-params["baseline"] // 2))
    middle = before.median()
    spread = (before.quantile(0.75) - before.quantile(0.25)) / 1.349
    # Four weeks that hardly vary make nothing unusual.
    spread = spread.clip(lower=LEAST_SPREADS.get(answer["metric"], 0.0))
    expected["baseline"] = middle
    expected["baseline_low"] = middle - params["width"] * spread
    expected["baseline_high"] = middle + params["width"] * spread
    expected["z_score"] = ((values - middle) / spread).where(spread > 0)
    for name, column in expected.items():
        # Numbers on both sides of zero may cancel out to nothing, where no digit of a quotient means anything.
        size = 1e-3 * (1.0 if name == "z_score" else values.std())
        assert len(column) == len(answer["points"])
        for point, theirs in zip(answer["points"], column):
            compare(name, point[name], None if pd.isna(theirs) else theirs, size)


def gaps(params, answer):
    values = series(answer["metric"])
    filled = values.ffill() if params["gaps"] == "carry" else values.interpolate(limit_area="inside")
    for point, measured, theirs in zip(answer["points"], values, filled):
        assert point["filled"] == (pd.isna(measured) and not pd.isna(theirs)), point
        compare(f"gaps={params['gaps']}", point["value"], None if pd.isna(theirs) else theirs)


def resemblance(values):
    away = values - np.nanmean(values)
    products = away[:-1] * away[1:]
    return np.nanmean(products) / np.nanmean(away**2) if np.isfinite(products).any() else 0.0


def slopes(_, answer):
    values = series(answer["metric"]).to_numpy()
    x = np.flatnonzero(~np.isnan(values)).astype(float)
    y = values[~np.isnan(values)]
    ols, sen = answer["slopes"]
    line = stats.linregress(x, y)
    half = stats.t.ppf(0.975, len(x) - 2) * line.stderr
    compare("OLS slope", ols["per_day"], line.slope)
    compare("OLS interval", ols["low"], line.slope - half)
    compare("OLS interval", ols["high"], line.slope + half)
    compare("OLS intercept", ols["intercept"], line.intercept)
    robust = stats.theilslopes(y, x, 0.95)
    size = np.ptp(y) / np.ptp(x)
    compare("Theil–Sen slope", sen["per_day"], robust.slope, size * 1e-3)
    compare("Theil–Sen interval", sen["low"], robust.low_slope, size * 1e-3)
    compare("Theil–Sen interval", sen["high"], robust.high_slope, size * 1e-3)
    compare("Theil–Sen intercept", sen["intercept"], robust.intercept)
    compare("autocorrelation", ols["autocorrelation"], resemblance(values))


def comparisons(_, answer):
    values = series(answer["metric"])
    for row in answer["comparisons"]:
        for prefix in ["", "against_"]:
            if row["kind"] == "oura_usual" and answer["bucket"] != "day" and prefix:
                whole = values[row["against_from"] : row["against_to"]]
                months = whole.groupby(whole.index.to_period("M"))
                full = [month.mean() for key, month in months if len(month) == key.days_in_month]
                theirs = np.nanmean(full)
            else:
                theirs = values[row[prefix + "from"] : row[prefix + "to"]].mean()
            compare(f"comparison {row['kind']}", row[prefix + "value"], theirs)


def coefficients(params, answer):
    for row in answer["rows"]:
        a = series(row["a"])
        b = series(row["b"]).shift(-row["lag"])
        group = row["group"]
        if group == "workout" or group == "no_workout":
            belongs = axis.isin(pd.to_datetime(given["workouts"])) == (group == "workout")
        elif group == "tag" or group == "no_tag":
            belongs = axis.isin(pd.to_datetime(given["tags"])) == (group == "tag")
        elif group == "all":
            belongs = np.ones(len(axis), dtype=bool)
        else:
            belongs = axis.day_name().str.lower() == group
        both = pd.DataFrame({"a": a, "b": b}).where(pd.Series(belongs, index=axis)).where(a.notna() & b.notna())
        pairs = both.dropna()
        n = len(pairs)
        assert n == row["n"], (row, n)
        r1, r2 = resemblance(both["a"].to_numpy()), resemblance(both["b"].to_numpy())
        effective = float(np.clip(n * (1 - r1 * r2) / (1 + r1 * r2), 1, n))
        compare("effective n", row["n_effective"], effective)
        pearson = stats.pearsonr(pairs["a"], pairs["b"])
        spearman = stats.spearmanr(pairs["a"], pairs["b"]).statistic
        compare("Pearson", row["pearson"], pearson.statistic, 1e-3)
        compare("Spearman", row["spearman"], spearman, 1e-3)
        for name, r, variance in [("pearson", pearson.statistic, 1.0), ("spearman", spearman, 1.06)]:
            half = stats.norm.ppf(0.975) * math.sqrt(variance / (effective - 3))
            compare(f"{name.title()} interval", row[f"{name}_low"], math.tanh(math.atanh(r) - half), 1e-3)
            compare(f"{name.title()} interval", row[f"{name}_high"], math.tanh(math.atanh(r) + half), 1e-3)
        if effective == n:
            theirs = pearson.confidence_interval(0.95)
            compare("Pearson interval (scipy's own)", row["pearson_low"], theirs.low, 1e-3)
            compare("Pearson interval (scipy's own)", row["pearson_high"], theirs.high, 1e-3)


def effects(_, answer):
    values = series(answer["metric"]).shift(-answer["lag"]).to_numpy()
    marked = axis.isin(pd.to_datetime(given["tags"]))
    known = ~np.isnan(values)
    with_tag, without = values[known & marked], values[known & ~marked]
    assert (answer["n_with"], answer["n_without"]) == (len(with_tag), len(without))
    size = np.std(values[known]) * 1e-3
    compare("effect: mean", answer["mean_with"], with_tag.mean())
    compare("effect: mean", answer["mean_without"], without.mean())
    compare("effect: difference of means", answer["difference"], with_tag.mean() - without.mean(), size)
    medians = np.median(with_tag) - np.median(without)
    compare("effect: difference of medians", answer["median_difference"], medians, size)
    welch = stats.ttest_ind(with_tag, without, equal_var=False).confidence_interval(0.95)
    compare("effect: Welch interval", answer["low"], welch.low, size)
    compare("effect: Welch interval", answer["high"], welch.high, size)
    days = len(values)
    tried = min(days - 1, 1000)
    found = []
    for shift in [0] + [n * (days - 1) // tried for n in range(1, tried + 1)]:
        moved = np.roll(marked, shift)
        found.append(abs(values[known & moved].mean() - values[known & ~moved].mean()))
    as_large = sum(other >= found[0] - 1e-12 * np.nanmax(np.abs(values)) for other in found)
    compare("effect: shift test", answer["shift_p"], as_large / len(found))


answered = {
    "buckets": buckets,
    "windows": windows,
    "gaps": gaps,
    "slopes": slopes,
    "comparisons": comparisons,
    "coefficients": coefficients,
    "effects": effects,
}
for asked in given["asked"]:
    answered[asked["what"]](asked["params"], asked["answer"])
for statistic, row in table.items():
    row["difference"] = min(row["difference"], 1e300)
    print(json.dumps({"statistic": statistic, **row}, allow_nan=False))
