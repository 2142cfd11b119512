// Which options exclude or need each other, and the texts and tables that they are about. One list: a line a rule.
#include "lib/Compiler/OptionGroups.h"
#include "lib/Compiler/Recipe.h"
using namespace qcc;
using namespace qcc::commandline;

/// Scales of activations: what they are for, and the text that they need.
static void refuseForActivations(const ActivationOptions &activations, const CompilerOptions &o, const Recipe *recipe, Problems &problems) {
  problems.refuseIf(isGiven(activations.range) && !o.hasStaticActivations(),
                    "--act-range is for static scales: --act-scales=static, or --act-type=<regex>=static");
  problems.refuseIf(!recipe && isGiven(activations.percentile) && o.activationRange.kind != RangeRule::Percentile,
                    "--act-percentile is for --act-range=percentile");
  if (!o.staticActivations && o.activationTypes.empty())
    return;
  problems.refuseIf(o.activationBits != 8,
                    "--act-scales and --act-type are for activations of 8 bits, not " + llvm::Twine(o.activationBits) + ": --abits=8");
  problems.refuseIf(o.requiredFormats && o.requiredFormats->dynamicActivations,
                    "--algo=" + o.method + " finds scales of activations at run time: it excludes --act-scales=static and --act-type");
  problems.refuseIf(o.hasStaticActivations() && o.calibration.empty() && !(recipe && recipe->hasInputScales()),
                    "static scales of activations need a text to calibrate on: --calib=<file>");
}

void qcc::commandline::refuseContradictions(const CommandLine &line, const CompilerOptions &o, const Recipe *recipe, Problems &problems) {
  auto &[target, output, category, methods, formats, activations, recipes, shapes, work] = line;
  // What is asked for at all.
  problems.refuseIf(output.input.empty() && o.print == Table::None, "no input file; qcc --help shows the use");
  problems.refuseIf(isGiven(output.output) && o.output.empty(), "-o names a file, or - for standard output");
  problems.refuseIf(o.compileTo != Stage::Link && isGiven(output.emit) && o.emit != Emit::Mlir, "--compile-to excludes --emit, but for --emit=mlir");
  // Formats.
  problems.refuseIf(formats.sym && formats.asym, "--sym and --asym exclude each other");
  problems.refuseIf(isGiven(formats.targetBpw) && isGiven(formats.targetSize), "--target-bpw and --target-size exclude each other");
  problems.refuseIf(isGiven(formats.maxKl) && (isGiven(formats.targetBpw) || isGiven(formats.targetSize)),
                    "--max-kl is a budget of its own: it excludes --target-bpw and --target-size");
  problems.refuseIf(isGiven(formats.maxKl) && o.sensitivity == Sensitivity::Hessian, "--max-kl counts divergence of predictions: it excludes --sensitivity=hessian");
  problems.refuseIf(isGiven(formats.maxKl) && !recipe && methods.calib.empty(), "--max-kl measures predictions for a text: --calib=<file>");
  problems.refuseIf(isGiven(formats.sensitivity) && !formats.hasBudget(), "--sensitivity is for --target-bpw, --target-size and --max-kl");
  problems.refuseIf(isGiven(formats.sensitivity) && !recipe && methods.calib.empty(), "--sensitivity is measured on a text: --calib=<file>");
  problems.refuseIf(formats.hasBudget() && !recipe && formats.hasUniformFormat(),
                    "--target-bpw, --target-size and --max-kl choose formats: they exclude --wbits, --group-size, --sym and --asym");
  bool staysFloat = o.weightBits >= 16 && o.headBits >= 16 && !o.hasBudget() && o.tensorTypes.empty() && !recipe;
  problems.refuseIf(staysFloat && (isGiven(formats.groupSize) || formats.sym || formats.asym),
                    "--group-size, --sym and --asym are for weights of less than 16 bits: --wbits, --head-bits");
  problems.refuseIf(staysFloat && isGiven(methods.algo) && o.scaling.empty() && methods.algo != rotationName(), "--algo=" + o.algorithm() + " is for weights of less than 16 bits: --wbits, --target-bpw, --tensor-type");
  problems.refuseIf(shapes.kvCache == "io" && isGiven(formats.kvBits) && formats.kvBits < 32, "--kv-bits=" + llvm::Twine(formats.kvBits) +
                    " is for a cache that the program keeps; with --kv-cache=io keys and values are float inputs and outputs");
  // Methods and the text that they read.
  if (o.requiredFormats)
    formats.refuseUnless(*o.requiredFormats, o.method, problems);
  for (auto &[parameter, help, value] : methods.parameters)
    problems.refuseIf(!recipe && isGiven(value) && !o.algorithmReads(parameter.name),
                      "--" + parameter.name + " is not for --algo=" + o.algorithm() + "; methods that read it: " + llvm::join(methodsReading(parameter.name), ", "));
  problems.refuseIf(!recipe && methods.calib.empty() && methods.samplesText(),
                    "--calib-samples and --calib-length say how much of a text is read: --calib=<file>");
  problems.refuseIf(methods.calib.empty() && isGiven(methods.calibCache), "--calib-cache keeps what a text tells: --calib=<file>");
  problems.refuseIf(methods.calib.empty() && work.evaluate.empty() && !methods.tokenizer.empty(), "--tokenizer is for a text: --calib=<file>, --evaluate=<file>");
  const QuantizationMethod *method = findMethod(o.method);
  bool choosesOnText = !o.scaling.empty() || (method && method->usesMoments());
  problems.refuseIf(method && !choosesOnText && !o.hasStaticActivations() && !o.calibration.empty(),
                    "--algo=" + o.method + " reads no calibration text");
  refuseForActivations(activations, o, recipe, problems);
  if (recipe && methods.calib.empty() && (choosesOnText || !recipe->hasInputScales()))
    for (const std::string &name : recipe->valuesOf("calib"))
      problems.refuse("the recipe '" + recipes.recipe + "' was made with --calib=" + name + ": say where that text is");
  // What is about a library.
  bool noLibrary = o.writesText() || work.check;
  problems.refuseIf(work.dryRun && (noLibrary || o.emit != Emit::Library),
                    "--dry-run writes no code: it excludes --compile-to, --emit and --check");
  problems.refuseIf(!work.reports.empty() && !work.dryRun && noLibrary,
                    "--report is about a library: it excludes --compile-to, --check and --emit=asm, llvm or mlir");
  problems.refuseIf(isGiven(recipes.saveRecipe) && !work.dryRun && noLibrary,
                    "--save-recipe goes with a library: it excludes --compile-to, --check and --emit=asm, llvm or mlir");
  problems.refuseIf(work.verify && (noLibrary || work.dryRun),
                    "--verify runs a library: it excludes --compile-to, --check, --dry-run and --emit=asm, llvm or mlir");
  problems.refuseIf(!work.evaluate.empty() && (noLibrary || work.dryRun || o.emit != Emit::Library),
                    "--evaluate runs a library: it excludes --compile-to, --check, --dry-run and --emit");
  problems.refuseIf(!work.evaluate.empty() && shapes.kvCache == "io", "--evaluate scores texts with programs that keep keys and values: it excludes --kv-cache=io");
  problems.refuseIf(work.verify && target.isReference(), "--verify compares kernels with reference lowerings: --kernels=reference has none");
}
