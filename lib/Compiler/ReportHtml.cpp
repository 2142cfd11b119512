// The report for people: one file that any browser shows, without scripts and without anything from elsewhere. Names come from model files and are
// escaped wherever they are written.
#include "lib/Compiler/BuildReport.h"
#include "lib/Compiler/Text.h"
#include "qcc/Compiler/Version.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <cmath>
using namespace qcc;
using llvm::StringRef;

namespace {
constexpr double plotWidth = 900, plotHeight = 220, left = 48, bottom = 24, top = 8;

constexpr StringRef style = R"(:root{color-scheme:light dark}body{font:15px/1.45 system-ui,sans-serif;max-width:960px;margin:2em auto;padding:0 1em;color:#222;background:#fff}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}table{border-collapse:collapse;font-size:.9em}th,td{padding:.2em .7em;text-align:right;border-bottom:1px solid #ddd}
th:first-child,td:first-child,td.t,th.t{text-align:left}svg{max-width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:#555}.axis{stroke:#bbb;stroke-width:1}
.linear{fill:#3b6fb6}.head{fill:#c8553d}.embedding{fill:#e0a030}.other{fill:#888}.cache{fill:#4f9d69}.arena{fill:#8e6bb0}.wide{overflow-x:auto}td:not(:first-child):not(.t){white-space:nowrap}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}svg text{fill:#aaa}.axis{stroke:#555}})";

std::string escaped(StringRef text) {
  std::string valid = utf8(text), out;
  llvm::raw_string_ostream stream(out);
  llvm::printHTMLEscaped(valid, stream);
  llvm::erase_if(out, [](char c) { return (unsigned char)c < 0x20; });
  return out;
}

/// One value of a plot: `label` shows when it is pointed at.
struct Point {
  double value;
  StringRef color;
  std::string label;
};

class HtmlWriter {
public:
  HtmlWriter(const BuildReport &report, llvm::raw_ostream &out) : report(report), out(out) {}
  void write();

private:
  void totals();
  void memory();
  void bits();
  void sqnr();
  void evaluation();
  void table();
  void plot(llvm::ArrayRef<Point> points, double most, StringRef axes, bool bars);
  void legend(llvm::ArrayRef<StringRef> names);

  const BuildReport &report;
  llvm::raw_ostream &out;
};
} // namespace

static std::string number(double value, int digits) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.*f", digits, value);
  return text;
}

void HtmlWriter::totals() {
  out << "<table><tr><th>weights<th>number<th>bits each<th>bytes</tr>\n";
  auto row = [&](StringRef name, const BuildReport::Sum &sum, int64_t bytes) {
    if (sum.weights)
      out << "<tr><td>" << name << "<td>" << sum.weights << "<td>" << number(sum.bitsPerWeight(), 3) << "<td>" << bytesText(double(bytes)) << "</tr>\n";
  };
  for (WeightKind kind : weightKinds) {
    BuildReport::Sum sum = report.sum(kind);
    row(weightKindName(kind), sum, sum.bytes);
  }
  row("all", report.sum([](const WeightReport &) { return true; }), report.weightsBytes);
  out << "</table>\n";
}

void HtmlWriter::legend(llvm::ArrayRef<StringRef> names) {
  double x = left;
  out << "<svg viewBox=\"0 0 " << plotWidth << " 20\">";
  for (StringRef name : names) {
    out << "<rect class=\"" << name << "\" x=\"" << x << "\" y=\"4\" width=\"12\" height=\"12\"/><text x=\"" << x + 17 << "\" y=\"15\">" << name << "</text>";
    x += 40 + 8 * double(name.size());
  }
  out << "</svg>\n";
}

/// What a run holds, as one bar.
void HtmlWriter::memory() {
  std::vector<std::pair<StringRef, int64_t>> parts;
  for (WeightKind kind : weightKinds)
    parts.push_back({weightKindName(kind), report.sum(kind).bytes});
  parts.push_back({"cache", report.cache ? report.cache->bytes : 0});
  parts.push_back({"arena", std::max(report.arenaDecode.value_or(0), report.arenaPrompt.value_or(0))});
  out << "<h2>Memory of a run: " << bytesText(double(report.peakBytes())) << "</h2>\n<svg viewBox=\"0 0 " << plotWidth << " 40\" role=\"img\">";
  double all = std::max(1.0, double(report.peakBytes())), x = 0;
  std::vector<StringRef> shown;
  for (auto [name, bytes] : parts) {
    if (!bytes)
      continue;
    double width = double(bytes) / all * plotWidth;
    out << "<rect class=\"" << name << "\" x=\"" << number(x, 2) << "\" y=\"4\" width=\"" << number(width, 2) << "\" height=\"32\"><title>" << name << ": " << bytesText(double(bytes))
        << "</title></rect>";
    x += width;
    shown.push_back(name);
  }
  out << "</svg>\n";
  legend(shown);
  if (report.cache)
    out << "<p>KV cache: " << bytesText(double(report.cache->bytesPerToken)) << " a token (" << report.cache->layers << " layers, "
        << escaped(report.cache->element) << "), " << bytesText(double(report.cache->bytes)) << " at " << report.cache->maxContext << " tokens.</p>\n";
  if (!report.arenaDecode && !report.arenaPrompt)
    out << "<p>The arena depends on dimensions that are known at run time only, and is not in it.</p>\n";
}

/// Points from left to right, `most` at the upper edge.
void HtmlWriter::plot(llvm::ArrayRef<Point> points, double most, StringRef axes, bool bars) {
  double height = plotHeight - bottom - top, step = (plotWidth - left) / double(std::max<size_t>(1, points.size()));
  auto y = [&](double value) { return top + height * (1 - std::clamp(value / most, 0.0, 1.0)); };
  out << "<svg viewBox=\"0 0 " << plotWidth << " " << plotHeight << "\" role=\"img\">";
  for (int i = 0; i <= 4; ++i) {
    double value = most * i / 4;
    out << "<line class=\"axis\" x1=\"" << left << "\" x2=\"" << plotWidth << "\" y1=\"" << number(y(value), 1) << "\" y2=\"" << number(y(value), 1) << "\"/><text x=\"" << left - 6
        << "\" y=\"" << number(y(value) + 4, 1) << "\" text-anchor=\"end\">" << number(value, most < 0.1 ? 4 : most < 2 ? 2 : most < 20 ? 1 : 0) << "</text>";
  }
  for (auto [i, point] : llvm::enumerate(points)) {
    double x = left + step * double(i);
    if (bars)
      out << "<rect class=\"" << point.color << "\" x=\"" << number(x, 2) << "\" width=\"" << number(std::clamp(step * 0.85, 0.5, 80.0), 2) << "\" y=\"" << number(y(point.value), 2)
          << "\" height=\"" << number(top + height - y(point.value), 2) << "\">";
    else
      out << "<circle class=\"" << point.color << "\" cx=\"" << number(x + step / 2, 2) << "\" cy=\"" << number(y(point.value), 2) << "\" r=\"3\">";
    out << "<title>" << point.label << "</title>" << (bars ? "</rect>" : "</circle>");
  }
  out << "<text x=\"" << left << "\" y=\"" << plotHeight - 6 << "\">" << axes << "</text></svg>\n";
}

static std::vector<StringRef> kindsOf(llvm::ArrayRef<Point> points) {
  std::vector<StringRef> shown;
  for (WeightKind kind : weightKinds)
    if (llvm::any_of(points, [&](const Point &point) { return point.color == weightKindName(kind); }))
      shown.push_back(weightKindName(kind));
  return shown;
}

void HtmlWriter::bits() {
  std::vector<Point> points;
  double most = 4;
  for (const WeightReport &weight : report.weights)
    if (weight.kind != WeightKind::Other) {
      points.push_back({weight.bits, weightKindName(weight.kind), escaped(weight.weight) + ": " + weight.format + ", " + number(weight.bits, 3) + " bits"});
      most = std::max(most, std::ceil(weight.bits / 4) * 4);
    }
  out << "<h2>Bits per weight</h2>\n";
  plot(points, most, "bits, weights in the order of the file", /*bars=*/true);
  legend(kindsOf(points));
}

void HtmlWriter::sqnr() {
  std::vector<Point> points;
  double most = 20;
  for (const WeightReport &weight : report.weights)
    if (weight.error && std::isfinite(weight.error->sqnr()) && weight.kind != WeightKind::Other) {
      double value = weight.error->sqnr();
      points.push_back({value, weightKindName(weight.kind), escaped(weight.weight) + ": " + weight.format + ", " + number(value, 2) + " dB"});
      most = std::max(most, std::ceil(value / 20) * 20);
    }
  if (points.empty())
    return;
  out << "<h2>Signal to quantization noise</h2>\n<p>10 log<sub>10</sub> of the sum of w<sup>2</sup> over the sum of (decoded - w)<sup>2</sup>: 6 dB are one bit.</p>\n";
  plot(points, most, "dB, weights in the order of the file", /*bars=*/false);
  legend(kindsOf(points));
}

void HtmlWriter::evaluation() {
  const EvaluationReport &e = *report.evaluation;
  out << "<h2>Predictions beside the float model's</h2>\n<table><tr><th>" << e.windows << " windows of " << e.length << " tokens<th>perplexity<th>of the float model<th>KL x 1000, mean<th>99 %<th>largest"
      << "<th>same top token</tr>\n<tr><td>" << escaped(e.text) << "<td>" << number(e.perplexity, 3) << "<td>" << number(e.floatPerplexity, 3) << "<td>" << number(1e3 * e.meanDivergence, 3) << "<td>"
      << number(1e3 * e.divergence99, 2) << "<td>" << number(1e3 * e.maxDivergence, 1) << "<td>" << number(100 * e.agreement, 2) << " %</tr></table>\n";
  std::vector<Point> points;
  double largest = 0;
  for (auto [i, divergence] : llvm::enumerate(e.divergences)) {
    points.push_back({1e3 * divergence, "other", "window " + std::to_string(i) + ": " + number(1e3 * divergence, 3)});
    largest = std::max(largest, 1e3 * divergence);
  }
  double unit = std::pow(10, std::floor(std::log10(std::max(largest, 1e-6))));
  plot(points, std::max(std::ceil(largest / unit), 1.0) * unit, "KL x 1000, mean of each window, in the order of the text", /*bars=*/true);
}

void HtmlWriter::table() {
  bool verified = llvm::any_of(report.weights, [](const WeightReport &weight) { return bool(weight.difference); });
  out << "<h2>Weights</h2>\n<div class=\"wide\"><table><tr><th>weight<th>number<th>shape<th class=\"t\">format<th>bits<th>bytes<th>SQNR, dB"
      << (verified ? "<th>differs from reference" : "") << "<th class=\"t\">decided by</tr>\n";
  for (const WeightGroup &group : groupWeights(report)) {
    const WeightReport &one = *group.weights.front();
    int64_t bytes = 0;
    WeightError error;
    bool measured = true;
    std::optional<double> difference;
    std::string decided = one.reason;
    if (auto scaled = llvm::find_if(group.weights, [](const WeightReport *weight) { return !weight->scaling.empty(); }); scaled != group.weights.end())
      decided += "; channels scaled by " + (*scaled)->scaling;
    for (const WeightReport *weight : group.weights) {
      bytes += weight->bytes;
      measured &= bool(weight->error);
      if (weight->difference)
        difference = std::max(difference.value_or(0), *weight->difference);
      error.signal += weight->error ? weight->error->signal : 0;
      error.noise += weight->error ? weight->error->noise : 0;
    }
    out << "<tr><td>" << escaped(group.name) << "<td>" << group.weights.size() << "<td>" << one.rows << " x " << one.columns << "<td class=\"t\">" << escaped(one.format) << "<td>"
        << number(one.bits, 3) << "<td>" << bytesText(double(bytes)) << "<td>" << (!measured ? "" : std::isfinite(error.sqnr()) ? number(error.sqnr(), 2) : "exact")
        << (!verified ? "" : !difference ? "<td>" : "<td>" + llvm::formatv("{0:e1}", *difference).str()) << "<td class=\"t\">" << escaped(decided) << "</tr>\n";
  }
  out << "</table></div>\n";
}

void HtmlWriter::write() {
  out << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" << escaped(report.model) << "</title><style>" << style << "</style></head><body>\n<h1>"
      << escaped(report.model) << "</h1>\n<p>" << (report.isDryRun ? "Plan of qcc " : "Built by qcc ") << kVersion << " for " << escaped(report.target) << ".</p>\n<p><code>";
  for (const std::string &word : report.options)
    out << escaped(word) << " ";
  out << "</code></p>\n";
  totals();
  if (report.evaluation)
    evaluation();
  memory();
  bits();
  sqnr();
  table();
  out << "</body></html>\n";
}

void qcc::printReportHtml(const BuildReport &report, llvm::raw_ostream &out) { HtmlWriter(report, out).write(); }
