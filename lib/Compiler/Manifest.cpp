// Writes the manifest. The order of keys is part of the format: equal inputs give equal bytes.
#include "lib/Compiler/Manifest.h"
#include "lib/Compiler/Text.h"
#include "dialects/Quant/Formats/Format.h"
#include "qcc/Compiler/Options.h"
#include "qcc/Compiler/Version.h"
#include "qcc/Quantize/Method.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
using namespace mlir;
using namespace qcc;
namespace json = llvm::json;

std::vector<std::string> qcc::reproducingOptions(const CompilerOptions &o) {
  std::vector<std::string> words = {"--target=" + o.target, "--wbits=" + std::to_string(o.weightBits), "--abits=" + std::to_string(o.activationBits),
                                    "--head-bits=" + std::to_string(o.headBits), "--kv-bits=" + std::to_string(o.kvBits),
                                    "--act-group-size=" + std::to_string(o.activationGroup),
                                    o.kvState ? "--kv-cache=state" : "--kv-cache=io", "-O" + std::to_string(o.optLevel)};
  if (!o.defaultFormat)
    words.insert(words.end(), {"--group-size=" + std::to_string(o.groupSize), o.symmetric ? "--sym" : "--asym"});
  if (!o.cpu.empty())
    words.push_back("--mcpu=" + o.cpu);
  if (!o.attributes.empty())
    words.push_back("--mattr=" + o.attributes);
  if (!o.multiversion)
    words.push_back("--multiversion=off");
  if (o.deviceBinary)
    words.push_back("--device-binary");
  if (o.kernels == Kernels::Reference)
    words.push_back("--kernels=reference");
  if (o.maxContext)
    words.push_back("--max-context=" + std::to_string(o.maxContext));
  for (const InputShape &shape : o.shapes) {
    std::vector<std::string> extents;
    for (int64_t extent : shape.extents)
      extents.push_back(extent == InputShape::asInFile ? "?" : std::to_string(extent));
    words.push_back("--shape=" + shape.input + ":" + llvm::join(extents, "x"));
  }
  if (o.targetBpw)
    words.push_back("--target-bpw=" + shortest(*o.targetBpw));
  if (o.targetSize)
    words.push_back("--target-size=" + std::to_string(*o.targetSize));
  if (o.maxKl)
    words.push_back("--max-kl=" + shortest(*o.maxKl));
  if (o.sensitivity != Sensitivity::Default)
    words.push_back(o.sensitivity == Sensitivity::Kl ? "--sensitivity=kl" : "--sensitivity=hessian");
  std::string text = o.calibration.empty() ? o.recipeCalibration : llvm::sys::path::filename(o.calibration).str();
  if (o.rotates || !o.scaling.empty() || o.method != defaultMethod(/*hasText=*/false).name() || !text.empty())   // with a text, rtn is no default
    words.push_back("--algo=" + o.algorithm());
  for (const MethodParameter &parameter : allParameters())
    if (o.algorithmReads(parameter.name))
      words.push_back(("--" + parameter.name + "=" + shortest(o.parameters[parameter])).str());
  if (o.staticActivations)
    words.push_back("--act-scales=static");
  for (const std::string &type : o.activationTypes)
    words.push_back("--act-type=" + type);
  if (o.activationRange.kind == RangeRule::Entropy)
    words.push_back("--act-range=entropy");
  if (o.activationRange.kind == RangeRule::Percentile)
    words.insert(words.end(), {"--act-range=percentile", "--act-percentile=" + shortest(o.activationRange.percentile)});
  if (!text.empty())
    words.insert(words.end(), {"--calib=" + text, "--calib-samples=" + std::to_string(o.calibrationSamples),
                               "--calib-length=" + std::to_string(o.calibrationLength)});
  for (const std::vector<std::string> &types : {o.tensorTypes, o.recipeTensorTypes})
    for (const std::string &type : types)
      words.push_back("--tensor-type=" + type);
  for (const std::string &pass : o.extraPasses)
    words.push_back("--pass-at=" + pass);
  return words;
}

namespace {
struct Writer {
  json::OStream out;
  const ProgramDescription &program;

  static std::string typeName(const ProgramPort &port) {
    static const llvm::StringRef kinds[] = {"int", "uint", "float", "", "bfloat", "", "bool"};
    return port.code == QCC_DTYPE_BOOL ? "bool" : kinds[port.code].str() + std::to_string(port.bits);
  }
  void ports(llvm::StringRef key, llvm::ArrayRef<ProgramPort> list) {
    static const llvm::StringRef roles[] = {"", "tokens", "positions", "mask", "logits", "past", "present"};
    out.attributeArray(key, [&] {
      for (const ProgramPort &port : list)
        out.object([&] {
          out.attribute("name", utf8(port.name));
          out.attribute("dtype", typeName(port));
          out.attributeArray("shape", [&] {
            for (int64_t extent : port.shape)
              extent >= 0 ? out.value(extent) : out.value(utf8(program.dims[-1 - extent].name));
          });
          out.attribute("role", roles[port.role]);
        });
    });
  }
  void variants() {
    out.attributeArray("variants", [&] {
      for (const ProgramVariant &variant : program.variants)
        out.object([&] {
          out.attribute("name", variant.name);
          out.attribute("features", int64_t(variant.features));
          if (variant.device)
            out.attributeObject("device", [&] {
              out.attribute("capability", variant.device->capability);
              out.attribute("exact", bool(variant.device->exact));
              out.attribute("driver", variant.device->driver);
            });
          out.attributeArray("entries", [&] {
            for (const ProgramEntry &entry : variant.entries)
              out.object([&] {
                out.attribute("name", entry.name);
                out.attribute("min_rows", entry.minRows);
                out.attribute("max_rows", entry.maxRows);
              });
          });
        });
    });
  }
  /// The first state argument says how every layer caches.
  void state(ModuleOp module) {
    int64_t layers = 0, bytes = 0;
    std::string element;
    if (auto main = module.lookupSymbol<func::FuncOp>("main"))
      for (Type type : main.getArgumentTypes())
        if (auto cache = dyn_cast<qnt::CacheType>(type)) {
          ++layers;
          bytes += cache.bytesPerToken();
          llvm::raw_string_ostream(element = "") << cache.getElement();
        }
    if (!layers) {
      out.attribute("state", nullptr);
      return;
    }
    out.attributeObject("state", [&] {
      out.attribute("layers", layers);
      out.attribute("element", element);
      out.attribute("bytes_per_token", bytes);
    });
  }
  void tensors(ModuleOp module, const llvm::StringMap<std::string> &digests) {
    out.attributeArray("tensors", [&] {
      for (auto decl : module.getOps<qnt::WeightDeclOp>()) {
        auto type = cast<RankedTensorType>(decl.getType());
        int64_t columns = type.getNumElements() / std::max<int64_t>(1, type.getDimSize(0));
        std::vector<std::string> names;
        for (auto part : decl.getParts().getAsRange<qnt::PartAttr>())
          if (part.getData())
            names.push_back(part.getData().getName().str());
        out.object([&] {
          out.attribute("name", utf8(names.empty() ? decl.getSymName().str() : llvm::join(names, "+")));
          out.attributeArray("shape", [&] {
            for (int64_t extent : type.getShape())
              out.value(extent);
          });
          out.attribute("format", qnt::formatName(type.getElementType()));
          if (auto reason = decl->getAttrOfType<StringAttr>("qnt.decided"))
            out.attribute("reason", utf8(reason.getValue()));
          out.attribute("bits_per_weight", qnt::bitsPerWeight(type.getElementType(), columns));
          if (auto layout = decl.getLayout()) {
            out.attribute("layout", qnt::stringifyWeightLayout(layout->getKind()));
            out.attribute("bytes", layout->getBytes());
          }
          if (auto offset = decl.getOffset())
            out.attribute("offset", int64_t(*offset));
          if (auto it = digests.find(decl.getSymName()); it != digests.end())
            out.attribute("sha256", it->second);
        });
      }
    });
  }
};
} // namespace

std::string qcc::buildManifest(ModuleOp module, const CompilerOptions &options, const ProgramDescription &program, const SourceFiles &sources,
                               const llvm::StringMap<std::string> &digests) {
  std::string manifest;
  llvm::raw_string_ostream stream(manifest);
  Writer w{json::OStream(stream), program};
  w.out.object([&] {
    w.out.attribute("manifest", 1);
    w.out.attribute("qcc", kVersion);
    w.out.attribute("model", utf8(llvm::sys::path::filename(options.input)));
    w.out.attributeArray("sources", [&] {
      for (int64_t i = 0; i < sources.count(); ++i)
        w.out.object([&] {
          w.out.attribute("name", utf8(llvm::sys::path::filename(sources.name(i))));
          w.out.attribute("bytes", sources.size(i));
        });
    });
    w.out.attribute("target", options.target);
    w.variants();
    w.out.attributeArray("dims", [&] {
      for (const ProgramDim &dim : program.dims)
        w.out.value(utf8(dim.name));
    });
    w.ports("inputs", program.inputs);
    w.ports("outputs", program.outputs);
    w.state(module);
    w.out.attribute("max_context", program.maxContext);
    w.out.attribute("vocabulary", program.vocabulary);
    w.out.attributeArray("options", [&] {
      for (const std::string &word : reproducingOptions(options))
        w.out.value(utf8(word));
    });
    w.out.attributeObject("weights", [&] {
      w.out.attribute("bytes", program.weightsBytes);
      w.out.attribute("id", llvm::toHex(program.weightsId, true));
    });
    w.tensors(module, digests);
  });
  return manifest;
}
