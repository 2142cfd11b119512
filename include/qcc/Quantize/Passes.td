#ifndef QCC_QUANTIZE_PASSES
#define QCC_QUANTIZE_PASSES
include "mlir/Pass/PassBase.td"

def AssignFormats : Pass<"qcc-quantize-assign-formats", "::mlir::ModuleOp"> {
  let summary = "Decide the format of every weight";
  let description = [{
    Gives float weights that only `qnt.matmul` and `qnt.gather` read a format. In this order:
    1. weights that arrive quantized (MatMulNBits) keep their codes and type; weights with other users keep their type;
    2. `tensor-types`, the first `regex=format` that finds a match in the name of the weight, of one of its tensors, or of a node that uses them;
       a weight that carries `qnt.recipe = {format, reason}` and meets no such rule gets what was decided in an earlier build;
    3. the head, and an embedding table that shares its bytes: `head-bits`; any other embedding table: f16, or f32 with 32-bit weights;
    4. everything else: `wbits`, `group-size`, `asym` (or `default-format`, that of `wbits` in Defaults.def, or `format`, by name). Only these keep a `qnt.sensitivity`, for `assign-precision`.

    A table whose rows kernels cannot read one by one in the format that 2 or 4 say gets what it would have without it (or what `head-bits` says), with a
    warning: `.*=mxfp4` means the layers. Large weights in products that are no qnt.matmul stay float: one warning names them where `wbits` asks for less.

    Weights reach their users through calls of outlined layers. A layer that is called with different formats is copied, one
    function per list of types. Every decision is written on the declaration (`qnt.decided`) and printable (FormatDecisions.h).
    Example:
      qnt.weight_decl @w : tensor<64x32xf32> [...]
      %w = qnt.weight @w : tensor<64x32xf32>
      %y = qnt.matmul %x, %w : tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>
    becomes
      qnt.weight_decl @w : tensor<64x32x!qnt.block<bits = 4, group = 32>> [...] {qnt.decided = "wbits"}
      %w = qnt.weight @w : tensor<64x32x!qnt.block<bits = 4, group = 32>>
      %y = qnt.matmul %x, %w : tensor<?x32xf32>, tensor<64x32x!qnt.block<bits = 4, group = 32>> -> tensor<?x64xf32>
  }];
  let options = [
    Option<"wbits", "wbits", "unsigned", "16", "bits of a weight, as Defaults.def lists them">,
    Option<"groupSize", "group-size", "int64_t", "32", "weights per scale, -1 for the whole row">,
    Option<"asym", "asym", "bool", "false", "weights with a zero point">,
    Option<"defaultFormat", "default-format", "bool", "false", "the default formats of wbits and head-bits, whatever group-size and asym say">,
    Option<"headBits", "head-bits", "unsigned", "0", "bits of the head; 0: 8 when wbits is below 16, else wbits">,
    Option<"format", "format", "std::string", "\"\"", "format by name, instead of wbits, group-size and asym">,
    ListOption<"tensorTypes", "tensor-types", "std::string", "regex=format, first match wins">,
    Option<"print", "print", "bool", "false", "print every decision">];
  let statistics = [Statistic<"numQuantized", "num-quantized", "weights that were given a format">,
                    Statistic<"numCopies", "num-layer-copies", "copies of layers made for different formats">];
  let dependentDialects = ["::qcc::qnt::QntDialect"];
}

def AssignPrecision : Pass<"qcc-quantize-assign-precision", "::mlir::ModuleOp"> {
  let summary = "Give weights the formats whose errors add up to the least within a budget of bits";
  let description = [{
    Layer weights are those that `qnt.matmul` multiplies with, less the head. One that has `qnt.sensitivity = {<format> = <error>, ...}` gets one of these
    formats, such that the sum of errors is least and the layer weights have at most `target-bpw` bits each on average, scales and zero points included.
    Layer weights without it keep their format, which counts; head, embedding tables and other tensors do not. Run after `assign-formats`, which removes
    sensitivities of weights whose format a rule or a recipe settles. Where errors tie, earlier weights get the bits. A merged weight has one format.
    `qnt.placed_bits = {<format> = <bits>, ...}` says what formats take where layouts pad them; without it they take their codes, scales and zero points.
    With `max-error` instead of `target-bpw`, they take the fewest bits whose errors add up to no more, which a remark tells. What is below the least
    possible is an error that names it. Layers that are called with different formats are copied.
    Example:
      qnt.weight_decl @v : tensor<32x32xf16> [...] {qnt.sensitivity = {w2g32 = 9.0, w4g32 = 1.0}}
      qnt.weight_decl @w : tensor<32x32xf16> [...] {qnt.sensitivity = {w2g32 = 3.0, w4g32 = 1.0}}
      %v = qnt.weight @v : tensor<32x32xf16>
      %w = qnt.weight @w : tensor<32x32xf16>
      %y = qnt.matmul %x, %v : tensor<?x32xf32>, tensor<32x32xf16> -> tensor<?x32xf32>
      %z = qnt.matmul %y, %w : tensor<?x32xf32>, tensor<32x32xf16> -> tensor<?x32xf32>
    becomes, with `target-bpw=3.5`,
      qnt.weight_decl @v : tensor<32x32x!qnt.block<bits = 4, group = 32>> [...] {qnt.decided = "target-bpw"}
      qnt.weight_decl @w : tensor<32x32x!qnt.block<bits = 2, group = 32>> [...] {qnt.decided = "target-bpw"}
      %v = qnt.weight @v : tensor<32x32x!qnt.block<bits = 4, group = 32>>
      %w = qnt.weight @w : tensor<32x32x!qnt.block<bits = 2, group = 32>>
      %y = qnt.matmul %x, %v : tensor<?x32xf32>, tensor<32x32x!qnt.block<bits = 4, group = 32>> -> tensor<?x32xf32>
      %z = qnt.matmul %y, %w : tensor<?x32xf32>, tensor<32x32x!qnt.block<bits = 2, group = 32>> -> tensor<?x32xf32>
  }];
  let options = [Option<"targetBpw", "target-bpw", "double", "0", "bits per layer weight, at most">,
                 Option<"clamp", "clamp", "bool", "false", "take the least possible where the target is below it">,
                 Option<"maxError", "max-error", "double", "0", "sum of errors, at most, instead of target-bpw">,
                 Option<"print", "print", "bool", "false", "print every decision">];
  let statistics = [Statistic<"numAssigned", "num-assigned", "weights that were given a format">,
                    Statistic<"numCopies", "num-layer-copies", "copies of layers made for different formats">];
  let dependentDialects = ["::qcc::qnt::QntDialect"];
}

def AssignActivations : Pass<"qcc-quantize-assign-activations", "::mlir::ModuleOp"> {
  let summary = "Quantize the inputs of quantized matmuls to 8 bits at run time";
  let description = [{
    Inserts one `qnt.quantize` per value that feeds matmuls with block-typed weights: symmetric int8, one f32 scale per `group` values
    (-1: per row). Products are summed in i32 for as long as no float scale changes; a row that is too long for that is refused.
    A matmul whose weight has groups that are not whole multiples of 16 values keeps its float input, since kernels sum as many under one
    scale; so does one whose weight's codes select from a table of 8-bit floats, for which there are no integers to multiply. With 16 bits,
    float inputs stay and every matmul gets `bf16`; with 32 nothing changes. With `outliers`, a product is the sum of two: one of the quantized channels,
    one of those that `qnt.split_outliers` finds.

    A rule of `types` that names a format of 8-bit floats (`fp8e4m3`: a scale per row, as FBGEMM's row-wise FP8; `fp8e4m3g128`: per 128 values) rounds to it what
    any quantized weight is multiplied with. No sum has a limit then, since the values are multiplied as floats.

    With `scales=static`, what norms make has one scale for all rows that is known before the program runs. `types` says `float`, `dynamic`, `static` or a
    format weight by weight, whatever makes the inputs; names are matched as those of `assign-formats`. Such a scale is declared beside the first
    weight that reads the value, without a number, which calibration finds (InputScales.h), and passed to layers as weights are. Layers that rules
    tell apart are copied.
    Example:
      %y = qnt.matmul %x, %w : tensor<?x32xf32>, tensor<64x32x!qnt.block<bits = 4, group = 32>> -> tensor<?x64xf32>
    becomes
      %q = qnt.quantize %x : tensor<?x32xf32> -> tensor<?x32x!qnt.block<bits = 8, group = 32, scale = f32>>
      %y = qnt.matmul %q, %w : tensor<?x32x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<64x32x!qnt.block<bits = 4, group = 32>> -> tensor<?x64xf32>
    With `scales=static`, for an input that a norm makes:
      qnt.weight_decl @w.input_scale : tensor<1xf32> [#qnt.part<rows = 1, transposed = false>] {qnt.input_of = @w}
      %s = qnt.weight @w.input_scale : tensor<1xf32>
      %q = qnt.quantize %x by %s : tensor<?x32xf32>, tensor<1xf32> -> tensor<?x32x!qnt.block<bits = 8, group = -1, scale = f32>>
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::qcc::qnt::QntDialect"];
  let options = [Option<"abits", "abits", "unsigned", "8", "8 (also 0), 16: bf16 where the target has it, or 32: leave activations as they are">,
                 Option<"group", "group", "int64_t", "32", "values per activation scale: a multiple of 32, or -1 for the whole row">,
                 Option<"outliers", "outliers", "double", "0", "channels with a magnitude of so much or more in some row are multiplied as floats; 0: none">,
    Option<"scales", "scales", "std::string", /*default=*/"\"dynamic\"", "dynamic: found at run time; static: of what norms make by calibration">,
    ListOption<"types", "types", "std::string", "regex=float|dynamic|static|fp8e4m3[g<N>]|fp8e5m2[g<N>], first match wins">];
  let statistics = [Statistic<"numInserted", "num-inserted", "quantize operations inserted">,
                    Statistic<"numStatic", "num-static", "of these, with a static scale">,
                    Statistic<"numFloats", "num-float8", "of these, to 8-bit floats">,
                    Statistic<"numCopies", "num-layer-copies", "copies of layers made for different activations">,
                    Statistic<"numKept", "num-float", "matmuls of quantized weights that keep float inputs">];
}

def ObserveInputs : Pass<"qcc-quantize-observe-inputs", "::mlir::ModuleOp"> {
  let summary = "Make a program for calibration: it shows the inputs of matmuls and returns nothing";
  let description = [{
    Every float input of a matmul is shown to the caller before it is multiplied. Sequences have no past: state and past inputs of `@main` are gone,
    each layer makes its own cache. What only served the results is dead afterwards.
    Example:
      func.func @main(%x: tensor<?x32xf32>, %kv: !qnt.cache<2x8xf16>) -> tensor<?x64xf32> {
        %w = qnt.weight @w : tensor<64x32xf32>
        %y = qnt.matmul %x, %w : tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>
        return %y : tensor<?x64xf32>
      }
    becomes
      func.func @main(%x: tensor<?x32xf32>) {
        %w = qnt.weight @w : tensor<64x32xf32>
        qnt.observe %x of %w : tensor<?x32xf32>, tensor<64x32xf32>
        %y = qnt.matmul %x, %w : tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>
        return
      }
  }];
  let statistics = [Statistic<"numObserved", "num-observed", "matmuls whose input is shown">];
}

def InsertTaps : Pass<"qcc-quantize-insert-taps", "::mlir::ModuleOp"> {
  let summary = "Show values of a program to its caller, for verification";
  let description = [{
    `at=products`: what every matmul reads (before it is quantized) and computes. `at=layers`: the float results of calls and of `@main`; the functions
    that are called stay as they are. What is computed from such a value then reads what the caller has left in it.
    Example:
      %0 = qnt.quantize %x : tensor<?x64xf32> -> tensor<?x64x!qnt.block<bits = 8, group = 32, scale = f32>>
      %1 = qnt.matmul %0, %w : tensor<?x64x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<8x64x!qnt.block<bits = 4, group = 32>> -> tensor<?x8xf32>
      return %1 : tensor<?x8xf32>
    becomes
      %0 = qnt.tap %x : tensor<?x64xf32>
      %1 = qnt.quantize %0 : tensor<?x64xf32> -> tensor<?x64x!qnt.block<bits = 8, group = 32, scale = f32>>
      %2 = qnt.matmul %1, %w : tensor<?x64x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<8x64x!qnt.block<bits = 4, group = 32>> -> tensor<?x8xf32>
      %3 = qnt.tap %2 : tensor<?x8xf32>
      return %3 : tensor<?x8xf32>
  }];
  let options = [Option<"at", "at", "std::string", /*default=*/"\"products\"", "products, layers">];
  let statistics = [Statistic<"numTaps", "num-taps", "values shown">];
}

def FoldScales : Pass<"qcc-quantize-fold-scales", "::mlir::ModuleOp"> {
  let summary = "Move scales of input channels of linear layers into what makes the inputs";
  let description = [{
    A weight that carries `qnt.channel_scales` (one above 0 for each column) gets them as factors of its columns, and the rows that make its input are
    divided by them: those of a norm's scale and bias; of the linear layer in front of it, through the linear half of a gated unit, relu, products and
    slices of merged layers; of the layer that makes the values of an attention. The function of the program stays the same, its numbers are easier to
    quantize (AWQ, SmoothQuant). Weights are references into files: their declarations say what they are multiplied by.
    Refused, with an error: inputs or weights that have other users (a tied embedding; a norm that feeds something else), readers of one input with
    different scales, heads that share values (grouped queries) with different scales, weights that arrive quantized, caches that come or go.
    Example:
      qnt.weight_decl @n : tensor<2xf32> [...]
      qnt.weight_decl @w : tensor<4x2xf32> [...] {qnt.channel_scales = dense<[1.0, 2.0]> : tensor<2xf32>}
      %h = qnt.norm rms %x, %n ...
      %y = qnt.matmul %h, %w ...
    becomes
      qnt.weight_decl @n : tensor<2xf32> [...] {row_factors = dense<[1.0, 0.5]> : tensor<2xf32>}
      qnt.weight_decl @w : tensor<4x2xf32> [...] {column_factors = dense<[1.0, 2.0]> : tensor<2xf32>}
      %h = qnt.norm rms %x, %n ...
      %y = qnt.matmul %h, %w ...
  }];
  let statistics = [Statistic<"numFolded", "num-folded", "inputs whose scales were folded">];
}

def RotateResiduals : Pass<"qcc-quantize-rotate-residuals", "::mlir::ModuleOp"> {
  let summary = "Rotate the residual stream, by the weights that write and read it";
  let description = [{
    The residual stream is what an embedding table begins and linear layers add to. An RMS norm of a rotated row is the rotated norm of the row, so the
    stream can be multiplied by any orthogonal matrix R, here a Hadamard matrix with random signs: rows of embedding tables and what linear layers add
    (their biases too) by R, the columns of what reads the stream as well. A norm's scale goes into the columns of the layers behind it first, and is 1
    from then on. The function of the program stays the same; no channel of the stream or column of a weight stands out any more (QuaRot,
    arXiv 2404.00456; SpinQuant's R1). Weights are references into files: their declarations say what becomes of them. Of n channels as many at a time are
    mixed as a Hadamard matrix of that order is known for: n, or the largest power of two that divides n.
    A head that shares its table with the embedding gets a declaration of its own, since only it has the norm's scale.
    Refused, with an error: streams that meet anything but linear layers, sums and RMS norms (a layer norm subtracts the mean, which a rotation moves);
    norms and weights with other users; weights that arrive quantized, or that are scaled or rotated already; programs without such a stream.
    Example:
      qnt.weight_decl @table : tensor<8x2xf32> [...]
      qnt.weight_decl @n : tensor<2xf32> [#qnt.part<..., data = <"n", ...>>]
      qnt.weight_decl @w : tensor<4x2xf32> [...]
      %x = qnt.gather %ids, %table ...
      %h = qnt.norm rms %x, %n ...
      %y = qnt.matmul %h, %w ...
    becomes
      qnt.weight_decl @table : tensor<8x2xf32> [...] {column_rotation = #qnt.rotation<block = 2, seed = 1>}
      qnt.weight_decl @n : tensor<2xf32> [#qnt.part<..., values = dense<1.0> : tensor<2xf32>>]
      qnt.weight_decl @w : tensor<4x2xf32> [...] {column_gains = [#qnt.part<..., data = <"n", ...>>], column_rotation = #qnt.rotation<block = 2, seed = 1>}
      %x = qnt.gather %ids, %table ...
      %h = qnt.norm rms %x, %n ...
      %y = qnt.matmul %h, %w ...
  }];
  let options = [Option<"seed", "seed", "int64_t", "1", "of the signs; 0: none">];
  let statistics = [Statistic<"numRotated", "num-rotated", "weights that were rotated">];
}

def InsertHadamards : Pass<"qcc-quantize-insert-hadamards", "::mlir::ModuleOp"> {
  let summary = "Rotate what activations and gated units make, at run time";
  let description = [{
    The inputs of down projections have the largest outliers of a transformer, and no weight in front could rotate them: an activation function is not
    linear. `qnt.hadamard` does it when the program runs, and the columns of the weight behind it are rotated as well, which leaves the function of the
    program as it is (QuaRot's online Hadamard, arXiv 2404.00456; SpinQuant's R4). One for each value that an activation function, a gated unit or a
    product makes and linear layers read. Of n channels as many at a time are mixed as a matrix of that order is known for; fewer than 16 are not worth it.
    Inputs of weights with other users, weights that arrive quantized and those whose columns something multiplies already stay as they are.
    Example:
      qnt.weight_decl @down : tensor<8x16xf32> [...]
      %a = qnt.activate relu %x : tensor<?x16xf32>
      %y = qnt.matmul %a, %down : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
    becomes
      qnt.weight_decl @down : tensor<8x16xf32> [...] {column_rotation = #qnt.rotation<block = 16>}
      %a = qnt.activate relu %x : tensor<?x16xf32>
      %h = qnt.hadamard %a block 16 : tensor<?x16xf32>
      %y = qnt.matmul %h, %down : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  }];
  let statistics = [Statistic<"numInserted", "num-inserted", "Hadamard matrices at run time">];
}

def LowerReference : Pass<"qcc-quantize-lower-reference", "::mlir::ModuleOp"> {
  let summary = "Replace qnt operations by their reference lowerings";
  let description = [{
    Builds every operation's reference lowering (tensor, scf, arith, math on decoded values). Weights whose values the compiler holds
    (`values` of their parts) are encoded and become constants, so that a program without input files can run anywhere; other weights stay
    as `qnt.weight`, read through `qnt.decompose` where they are quantized. Caches stay too, as memory behind `qnt.cache_view`.
    `constants=false` leaves all weights: a program with a weights file keeps them there. `only` names the operations to lower (all others stay for
    kernels), which tells the errors of one kind of kernel from those of others.
    Example:
      %y = qnt.activate relu %x : tensor<4xf32>
    becomes
      %y = tensor.generate {
      ^bb0(%i: index):
        %zero = arith.constant 0.0 : f32
        %v = tensor.extract %x[%i] : tensor<4xf32>
        %m = arith.maximumf %v, %zero : f32
        tensor.yield %m : f32
      } : tensor<4xf32>
  }];
  let options = [Option<"constants", "constants", "bool", "true", "make constants of weights whose values the compiler holds">,
                 ListOption<"only", "only", "std::string", "names of the operations to lower (qnt.norm); default: all">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect", "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}
#endif
