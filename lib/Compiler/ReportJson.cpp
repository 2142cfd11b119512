// The report for programs. The order of keys is part of the format (docs/CommandLine.md): equal builds give equal bytes.
#include "lib/Compiler/BuildReport.h"
#include "lib/Compiler/Text.h"
#include "qcc/Compiler/Version.h"
#include "llvm/Support/JSON.h"
#include <cmath>
using namespace qcc;
namespace json = llvm::json;

static void writeWeight(json::OStream &out, const WeightReport &weight) {
  out.object([&] {
    out.attribute("weight", utf8(weight.weight));
    out.attribute("tensors", utf8(weight.tensors));
    out.attribute("kind", weightKindName(weight.kind));
    out.attribute("rows", weight.rows);
    out.attribute("columns", weight.columns);
    out.attribute("format", weight.format);
    if (!weight.reason.empty())
      out.attribute("reason", utf8(weight.reason));
    if (!weight.method.empty())
      out.attribute("method", weight.method);
    if (!weight.scaling.empty())
      out.attribute("scaling", weight.scaling);
    out.attribute("bits_per_weight", weight.bits);
    out.attribute("bytes", weight.bytes);
    if (weight.difference)
      out.attribute("verify_difference", *weight.difference);
    if (!weight.error)
      return;
    out.attribute("signal", weight.error->signal);
    out.attribute("noise", weight.error->noise);
    double sqnr = weight.error->sqnr();                // JSON has no infinity: null is without loss
    std::isfinite(sqnr) ? out.attribute("sqnr_db", sqnr) : out.attribute("sqnr_db", nullptr);
  });
}

static void writeSum(json::OStream &out, llvm::StringRef name, const BuildReport::Sum &sum, int64_t bytes) {
  out.attributeObject(name, [&] {
    out.attribute("weights", sum.weights);
    out.attribute("bits_per_weight", sum.bitsPerWeight());
    out.attribute("bytes", bytes);
  });
}

static void writeMemory(json::OStream &out, const BuildReport &report) {
  auto known = [&](llvm::StringRef name, const std::optional<int64_t> &bytes) { bytes ? out.attribute(name, *bytes) : out.attribute(name, nullptr); };
  out.attributeObject("memory", [&] {
    out.attribute("weights", report.weightsBytes);
    if (report.cache)
      out.attributeObject("cache", [&] {
        out.attribute("layers", report.cache->layers);
        out.attribute("element", report.cache->element);
        out.attribute("bytes_per_token", report.cache->bytesPerToken);
        out.attribute("max_context", report.cache->maxContext);
        out.attribute("bytes", report.cache->bytes);
      });
    else
      out.attribute("cache", nullptr);
    known("arena_token", report.arenaDecode);
    out.attribute("prompt_tokens", report.promptTokens);
    known("arena_prompt", report.arenaPrompt);
    out.attribute("peak", report.peakBytes());
  });
}

static void writeEvaluation(json::OStream &out, const EvaluationReport &evaluation) {
  auto number = [&](llvm::StringRef name, double value) { std::isfinite(value) ? out.attribute(name, value) : out.attribute(name, nullptr); };  // logits may be NaN
  out.attributeObject("evaluation", [&] {
    out.attribute("text", utf8(evaluation.text));
    out.attribute("windows", evaluation.windows);
    out.attribute("window", evaluation.length);
    out.attribute("tokens", evaluation.tokens);
    number("perplexity", evaluation.perplexity);
    number("reference_perplexity", evaluation.floatPerplexity);
    number("kl_mean", evaluation.meanDivergence);
    number("kl_99", evaluation.divergence99);
    number("kl_max", evaluation.maxDivergence);
    number("top1_agreement", evaluation.agreement);
    out.attributeArray("kl_of_windows", [&] {
      for (double divergence : evaluation.divergences)
        std::isfinite(divergence) ? out.value(divergence) : out.value(nullptr);
    });
  });
}

void qcc::printReportJson(const BuildReport &report, llvm::raw_ostream &stream) {
  json::OStream out(stream, 1);
  out.object([&] {
    out.attribute("report", 1);
    out.attribute("qcc", kVersion);
    out.attribute("model", utf8(report.model));
    out.attribute("target", report.target);
    out.attribute("dry_run", report.isDryRun);
    out.attribute("shapes_only", report.hasAbsentData);
    out.attributeArray("options", [&] {
      for (const std::string &word : report.options)
        out.value(utf8(word));
    });
    out.attributeObject("totals", [&] {
      for (WeightKind kind : weightKinds) {
        BuildReport::Sum sum = report.sum(kind);
        writeSum(out, weightKindName(kind), sum, sum.bytes);
      }
      writeSum(out, "all", report.sum([](const WeightReport &) { return true; }), report.weightsBytes);
    });
    writeMemory(out, report);
    if (report.libraryBytes)
      out.attribute("library_bytes", *report.libraryBytes);
    if (report.evaluation)
      writeEvaluation(out, *report.evaluation);
    out.attributeArray("weights", [&] {
      for (const WeightReport &weight : report.weights)
        writeWeight(out, weight);
    });
  });
  stream << "\n";
}
