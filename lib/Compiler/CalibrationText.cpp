// Token ids out of a file, or of a text by way of the Python package: tokenizers have one library, which has no C++ interface.
#include "lib/Compiler/CalibrationText.h"
#include "lib/Compiler/Library.h"
#include "qcc/Base/ExitCodes.h"
#include "lib/Artifact/Tokens.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include <unistd.h>
using namespace qcc;
using llvm::StringRef, llvm::Twine;

static int refuse(int code, const TextRequest &request, const Twine &why) { return complain(code, request.file + ": " + why + " [" + request.tag + "]"); }

/// `--tokenizer`, or the tokenizer.json beside the model or one folder up, where exporters leave it.
static std::string findTokenizer(const CompilerOptions &options) {
  if (!options.tokenizer.empty())
    return options.tokenizer;
  StringRef folder = llvm::sys::path::parent_path(options.input);
  for (StringRef up : {"", ".."}) {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, up, "tokenizer.json");
    if (llvm::sys::fs::exists(path))
      return path.str().str();
  }
  return "";
}

/// Where the package lies beside this program, before what the environment says: build/python, or lib/python of an installation.
static std::string pythonPath() {
  static int here;
  std::string program = llvm::sys::fs::getMainExecutable(nullptr, &here), bin = llvm::sys::path::parent_path(program).str();
  std::string path = bin + "/../python:" + bin + "/../lib/python";
  if (auto given = llvm::sys::Process::GetEnv("PYTHONPATH"); given && !given->empty())
    path += ":" + *given;
  return path;
}

/// Runs `python -m qcc.tokenize`: token ids of the text, in `ids`.
static int tokenizeText(const TextRequest &request, const CompilerOptions &options, StringRef ids) {
  std::string tokenizer = findTokenizer(options);
  if (tokenizer.empty())
    return refuse(ExitInput, request, "is a text, and no tokenizer.json lies beside the model: say where it is (--tokenizer=<file>)");
  std::string wanted = llvm::sys::Process::GetEnv("QCC_PYTHON").value_or("python3");
  llvm::ErrorOr<std::string> python = llvm::sys::findProgramByName(wanted);
  if (!python)
    return refuse(ExitInput, request, "is a text, and there is no " + wanted + " to tokenize it (QCC_PYTHON names another); token ids in an .npy file need none");
  llvm::SmallString<128> said;
  if (std::error_code code = llvm::sys::fs::createTemporaryFile("qcc-tokenize", "txt", said))
    return refuse(ExitResource, request, "cannot write a temporary file: " + code.message());
  llvm::FileRemover remove(said);
  std::string path = "PYTHONPATH=" + pythonPath();
  llvm::SmallVector<StringRef> environment{path};
  for (char **entry = environ; *entry; ++entry)
    if (!StringRef(*entry).starts_with("PYTHONPATH="))
      environment.push_back(*entry);
  std::string failed;
  int code = llvm::sys::ExecuteAndWait(*python, {*python, "-m", "qcc.tokenize", tokenizer, request.file, ids}, llvm::ArrayRef<StringRef>(environment),
                                       {StringRef(""), said.str(), said.str()}, 0, 0, &failed);
  if (!code)
    return ExitSuccess;
  if (auto text = llvm::MemoryBuffer::getFile(said); failed.empty() && text)
    failed = StringRef((*text)->getBuffer()).rtrim().rsplit('\n').second.str(); // a traceback ends with what went wrong
  return refuse(ExitInput, request, wanted + " -m qcc.tokenize failed with '" + tokenizer + "': " + failed);
}

int qcc::readText(const TextRequest &request, const CompilerOptions &options, mlir::ModuleOp model, CalibrationText &text) {
  auto known = model->getAttrOfType<mlir::IntegerAttr>("qnt.vocabulary");
  int64_t vocabulary = known ? known.getInt() : 0;
  auto file = llvm::MemoryBuffer::getFile(request.file, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return refuse(ExitInput, request, file.getError().message());
  StringRef bytes = (*file)->getBuffer();
  if (bytes.empty())
    return refuse(ExitInput, request, "is empty");
  std::string path = request.file;
  llvm::FileRemover remove;
  if (!bytes.starts_with("\x93NUMPY")) {
    auto *first = reinterpret_cast<const llvm::UTF8 *>(bytes.begin());
    if (bytes.contains('\0') || !llvm::isLegalUTF8String(&first, reinterpret_cast<const llvm::UTF8 *>(bytes.end())))
      return refuse(ExitMalformed, request, "is neither an .npy file of token ids nor text in UTF-8");
    llvm::SmallString<128> ids;
    if (std::error_code code = llvm::sys::fs::createTemporaryFile("qcc-tokens", "npy", ids))
      return refuse(ExitResource, request, "cannot write a temporary file: " + code.message());
    remove.setFile(ids);
    if (int code = tokenizeText(request, options, ids))
      return code;
    path = ids.str().str();
  }
  Tokens tokens;
  char error[512];
  if (int code = tokens_read(path.c_str(), &tokens, error, sizeof error))
    return complain(code, Twine(error) + " [" + request.tag + "]");
  llvm::scope_exit release([&] { free(tokens.ids); });
  int64_t total = tokens.batch * tokens.count;
  text.length = request.length;
  text.windows = std::min(total / text.length, request.windows);
  if (!text.windows)
    return refuse(ExitInput, request, "has " + Twine(total) + " tokens, fewer than one window of " + Twine(text.length) + request.lengthOption);
  for (int64_t i = 0; i < text.windows * text.length; ++i)
    if (tokens.ids[i] < 0 || (vocabulary && tokens.ids[i] >= vocabulary))
      return refuse(ExitInput, request, "token " + Twine(tokens.ids[i]) + " at index " + Twine(i) + " is not in the model's vocabulary, [0, " + Twine(vocabulary) + ")");
  text.tokens.assign(tokens.ids, tokens.ids + text.windows * text.length);
  return ExitSuccess;
}

int qcc::readCalibrationText(const CompilerOptions &options, mlir::ModuleOp model, CalibrationText &text) {
  auto context = model->getAttrOfType<mlir::IntegerAttr>("qnt.max_context");
  if (context && options.calibrationLength > context.getInt())
    return complain(ExitUsage, "--calib-length=" + Twine(options.calibrationLength) + " exceeds the context of " + Twine(context.getInt()) + " tokens (--max-context) [bad-option]");
  return readText({options.calibration, options.calibrationSamples, options.calibrationLength, " (--calib-length)", "calibration-text"}, options, model, text);
}
