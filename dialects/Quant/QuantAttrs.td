#ifndef QCC_QUANT_ATTRS
#define QCC_QUANT_ATTRS
include "dialects/Quant/QuantTypes.td"

def Qnt_BytesAttr : AttrDef<Qnt_Dialect, "Bytes"> {
  let mnemonic = "bytes";
  let summary = "A tensor that lies in an input file";
  let description = [{
    `type` is how the bytes are stored (ONNX raw layout, little endian, row major); `file` indexes the module's `qnt.files`;
    `length` is in bytes and equals the type's size. `name` is the initializer's name, for messages and `--tensor-type`.
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "int64_t":$file, "int64_t":$offset, "int64_t":$length, "::mlir::ShapedType":$type);
  let assemblyFormat = "`<` $name `,` `file` $file `,` `offset` $offset `,` `length` $length `>` `:` $type";
}

def Qnt_RotaryTableAttr : AttrDef<Qnt_Dialect, "RotaryTable"> {
  let mnemonic = "rotary_table";
  let summary = "A rotary table that the compiler computes";
  let description = [{
    Row p, column i holds `scale * function(f32(p) * frequencies[i])`: the product in f32 as exporters' models compute it, the function
    in at least f32. `frequencies` has one element per column.
    Example: `#qnt.rotary_table<cos, 1.0 : f32, dense<[1.0, 0.01]> : tensor<2xf32>>`
  }];
  let parameters = (ins "RotaryFunction":$function, "::mlir::FloatAttr":$scale, "::mlir::DenseElementsAttr":$frequencies);
  let assemblyFormat = "`<` $function `,` $scale `,` $frequencies `>`";
}

def Qnt_LayoutAttr : AttrDef<Qnt_Dialect, "Layout"> {
  let mnemonic = "layout";
  let summary = "How a weight lies in the weights file, and how many bytes it takes there";
  let description = [{
    `plain`: a dense tensor, row major. `rows`, `panels` and `components` are those of `lib/Kernel` (RowLayout.h, Packing.h, ComponentLayout.h);
    `lanes` is the number of columns of a panel.
    Example: `#qnt.layout<panels, bytes = 73728, lanes = 16>`
  }];
  let parameters = (ins "WeightLayout":$kind, "int64_t":$bytes, DefaultValuedParameter<"unsigned", "0">:$lanes);
  let assemblyFormat = "`<` $kind `,` struct($bytes, $lanes) `>`";
  let genVerifyDecl = 1;
}

def Qnt_PartAttr : AttrDef<Qnt_Dialect, "Part"> {
  let mnemonic = "part";
  let summary = "Rows of a weight: where their values come from";
  let description = [{
    Float: `data` holds `[rows, K]`, or `[K, rows]` when `transposed`. Already quantized (ONNX `MatMulNBits` order): `data` holds the
    codes `[rows, ceil(K/group), group*bits/8]`, `scales` `[rows, ceil(K/group)]`, `zeros` the optional zero points; codes are kept.
    `values` instead of `data`: computed by the compiler (folded constants). `rotary` instead of `data`: a rotary table of `rows` positions.
    `node` is the ONNX node that uses it.
  }];
  let parameters = (ins "int64_t":$rows, "bool":$transposed, OptionalParameter<"::qcc::qnt::BytesAttr">:$data,
    OptionalParameter<"::qcc::qnt::BytesAttr">:$scales, OptionalParameter<"::qcc::qnt::BytesAttr">:$zeros,
    OptionalParameter<"::mlir::DenseElementsAttr">:$values, OptionalParameter<"::qcc::qnt::RotaryTableAttr">:$rotary,
    OptionalParameter<"::mlir::StringAttr">:$node);
  let extraClassDeclaration = [{
    /// What makes two parts the same values: all but the node that uses them.
    PartAttr withoutNode() const;
  }];
  let assemblyFormat = "`<` struct(params) `>`";
}

def Qnt_RotationAttr : AttrDef<Qnt_Dialect, "Rotation"> {
  let mnemonic = "rotation";
  let summary = "An orthogonal matrix that channels are multiplied by: Hadamard matrices and random signs";
  let description = [{
    Channels x, as a row vector, become `x diag(signs) H / sqrt(block)`: `block` channels at a time are multiplied by a Hadamard matrix of that order
    (`Hadamard.h` says which). Signs follow from `seed` and the channel; without a seed all are 1.
    Example: `#qnt.rotation<block = 512, seed = 1>`
  }];
  let parameters = (ins "int64_t":$block, DefaultValuedParameter<"int64_t", "0">:$seed);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}
#endif
