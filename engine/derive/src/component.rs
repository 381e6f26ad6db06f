//! What the macro writes: `Value` and `Component` for a struct or an enum.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Data, DataEnum, DataStruct, DeriveInput, Error, Fields, Ident, LitStr, Result, Type};

/// The most variants that an enum of a scenario has.
const VARIANTS_MAX: usize = 256;

/// The implementations for a type.
pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, "a component has no parameters: its columns are fixed"));
    }
    let name = name(input)?;
    let ident = &input.ident;
    let value = match &input.data {
        Data::Struct(it) => of_struct(ident, it)?,
        Data::Enum(it) => of_enum(ident, it)?,
        Data::Union(_) => return Err(Error::new_spanned(ident, "a component is a struct or an enum")),
    };
    Ok(quote! {
        #[automatically_derived]
        const _: () = {
            #[allow(unused_imports)]
            use ::diptych::system::{
                Leaf as __Leaf, LeafKind as __LeafKind, Value as __Value, Values as __Values, ValuesMut as __ValuesMut,
            };
            #value
            impl ::diptych::system::Component for #ident {
                const NAME: &'static str = #name;
            }
        };
    })
}

/// The component's name: the type's, or that of `#[component(name = "...")]`.
fn name(input: &DeriveInput) -> Result<String> {
    let mut name = input.ident.to_string();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("component")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                return Err(meta.error("the only setting is `name = \"...\"`"));
            }
            name = meta.value()?.parse::<LitStr>()?.value();
            Ok(())
        })?;
    }
    Ok(name)
}

fn of_struct(ident: &Ident, it: &DataStruct) -> Result<TokenStream> {
    match &it.fields {
        Fields::Named(fields) if !fields.named.is_empty() => {
            let names: Vec<&Ident> = fields.named.iter().filter_map(|field| field.ident.as_ref()).collect();
            let types: Vec<&Type> = fields.named.iter().map(|field| &field.ty).collect();
            Ok(of_fields(ident, &names, &types))
        }
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => Ok(of_one(ident, &fields.unnamed[0].ty)),
        _ => Err(Error::new_spanned(
            ident,
            "a component is a struct with named fields, or a struct around one value: `struct Mass(f32)`",
        )),
    }
}

/// A struct with named fields: something a field, under the fields' names.
fn of_fields(ident: &Ident, names: &[&Ident], types: &[&Type]) -> TokenStream {
    let parts = format_ident!("{ident}Parts");
    let kinds: Vec<Ident> = (0..names.len()).map(|at| format_ident!("P{at}")).collect();
    let suffixes: Vec<String> = names.iter().map(|name| format!(".{}", plain(name))).collect();
    let (described, last) = described(names);
    quote! {
        /// Something of each field.
        #[derive(Clone, Copy)]
        #[allow(missing_docs)]
        pub struct #parts<#(#kinds),*> { #(pub #names: #kinds),* }

        impl __Value for #ident {
            type Columns<'b> = #parts<#(<#types as __Value>::Columns<'b>),*>;
            type ColumnsMut<'b> = #parts<#(<#types as __Value>::ColumnsMut<'b>),*>;
            type Cells<'b> = #parts<#(<#types as __Value>::Cells<'b>),*>;

            fn describe() -> ::std::string::String {
                let mut text = ::std::string::String::new();
                #(text.push_str(#described); text.push_str(&<#types as __Value>::describe());)*
                text.push_str(#last);
                text
            }
            fn leaves(path: &str, visit: &mut dyn FnMut(__Leaf<'_>)) {
                #(<#types as __Value>::leaves(&::std::format!("{path}{}", #suffixes), visit);)*
            }
            fn columns<'b>(next: &mut dyn FnMut() -> __Values<'b>) -> Self::Columns<'b> {
                #parts { #(#names: <#types as __Value>::columns(next)),* }
            }
            fn columns_mut<'b>(next: &mut dyn FnMut() -> __ValuesMut<'b>) -> Self::ColumnsMut<'b> {
                #parts { #(#names: <#types as __Value>::columns_mut(next)),* }
            }
            fn cells<'b>(columns: Self::ColumnsMut<'b>) -> Self::Cells<'b> {
                #parts { #(#names: <#types as __Value>::cells(columns.#names)),* }
            }
            #[inline(always)]
            fn cut<'b>(columns: Self::Columns<'b>, count: usize) -> Self::Columns<'b> {
                #parts { #(#names: <#types as __Value>::cut(columns.#names, count)),* }
            }
            #[inline(always)]
            fn cut_cells<'b>(cells: Self::Cells<'b>, count: usize) -> Self::Cells<'b> {
                #parts { #(#names: <#types as __Value>::cut_cells(cells.#names, count)),* }
            }
            fn carry(from: &Self::Columns<'_>, to: &mut Self::ColumnsMut<'_>) {
                #(<#types as __Value>::carry(&from.#names, &mut to.#names);)*
            }
            #[inline(always)]
            fn load(columns: &Self::Columns<'_>, at: usize) -> Self {
                Self { #(#names: <#types as __Value>::load(&columns.#names, at)),* }
            }
            #[inline(always)]
            fn store(self, cells: &Self::Cells<'_>, at: usize) {
                #(<#types as __Value>::store(self.#names, &cells.#names, at);)*
            }
        }
    }
}

/// What stands before each field's type in a description, and behind the last one.
fn described(names: &[&Ident]) -> (Vec<String>, &'static str) {
    let before = |(at, name): (usize, &&Ident)| format!("{}{}: ", if at == 0 { "{ " } else { ", " }, plain(name));
    (names.iter().enumerate().map(before).collect(), " }")
}

/// A name without the `r#` of one that is a keyword.
fn plain(name: &Ident) -> String {
    let name = name.to_string();
    name.strip_prefix("r#").map_or(name.clone(), str::to_string)
}

/// A struct around one value: all is that value's.
fn of_one(ident: &Ident, ty: &Type) -> TokenStream {
    around(
        ident,
        &quote!(#ty),
        &quote!(<#ty as __Value>::describe()),
        &quote!(<#ty as __Value>::leaves(path, visit)),
        &quote!(Self(value)),
        &quote!(self.0),
    )
}

fn of_enum(ident: &Ident, it: &DataEnum) -> Result<TokenStream> {
    if let Some(variant) = it.variants.iter().find(|variant| !variant.fields.is_empty()) {
        return Err(Error::new_spanned(variant, "variants of a component are plain names: they hold nothing"));
    }
    if let Some((_, given)) = it.variants.iter().find_map(|variant| variant.discriminant.as_ref()) {
        return Err(Error::new_spanned(given, "variants are numbered in their order, from 0"));
    }
    let variants: Vec<&Ident> = it.variants.iter().map(|variant| &variant.ident).collect();
    let Some((last, others)) = variants.split_last().filter(|_| variants.len() <= VARIANTS_MAX) else {
        return Err(Error::new(Span::call_site(), format!("an enum has 1 to {VARIANTS_MAX} variants")));
    };
    let names: Vec<String> = variants.iter().map(|name| plain(name)).collect();
    let numbers = 0..=(others.len() as u8);
    let before = 0..others.len() as u8;
    let text = format!("enum {ident} {{ {} }}", names.join(", "));
    Ok(around(
        ident,
        &quote!(u8),
        &quote!(::std::string::String::from(#text)),
        &quote!(visit(__Leaf { path, kind: __LeafKind::Enum(&[#(#names),*]) })),
        &quote!(match value { #(#before => Self::#others,)* _ => Self::#last }),
        &quote!(match self { #(Self::#variants => #numbers),* }),
    ))
}

/// A type that stands in the columns of another: `from` makes one of `value`, `into` the value of `self`.
fn around(
    ident: &Ident,
    inner: &TokenStream,
    describe: &TokenStream,
    leaves: &TokenStream,
    from: &TokenStream,
    into: &TokenStream,
) -> TokenStream {
    quote! {
        impl __Value for #ident {
            type Columns<'b> = <#inner as __Value>::Columns<'b>;
            type ColumnsMut<'b> = <#inner as __Value>::ColumnsMut<'b>;
            type Cells<'b> = <#inner as __Value>::Cells<'b>;

            fn describe() -> ::std::string::String {
                #describe
            }
            fn leaves(path: &str, visit: &mut dyn FnMut(__Leaf<'_>)) {
                #leaves;
            }
            fn columns<'b>(next: &mut dyn FnMut() -> __Values<'b>) -> Self::Columns<'b> {
                <#inner as __Value>::columns(next)
            }
            fn columns_mut<'b>(next: &mut dyn FnMut() -> __ValuesMut<'b>) -> Self::ColumnsMut<'b> {
                <#inner as __Value>::columns_mut(next)
            }
            fn cells<'b>(columns: Self::ColumnsMut<'b>) -> Self::Cells<'b> {
                <#inner as __Value>::cells(columns)
            }
            #[inline(always)]
            fn cut<'b>(columns: Self::Columns<'b>, count: usize) -> Self::Columns<'b> {
                <#inner as __Value>::cut(columns, count)
            }
            #[inline(always)]
            fn cut_cells<'b>(cells: Self::Cells<'b>, count: usize) -> Self::Cells<'b> {
                <#inner as __Value>::cut_cells(cells, count)
            }
            fn carry(from: &Self::Columns<'_>, to: &mut Self::ColumnsMut<'_>) {
                <#inner as __Value>::carry(from, to);
            }
            #[inline(always)]
            fn load(columns: &Self::Columns<'_>, at: usize) -> Self {
                let value = <#inner as __Value>::load(columns, at);
                #from
            }
            #[inline(always)]
            fn store(self, cells: &Self::Cells<'_>, at: usize) {
                <#inner as __Value>::store(#into, cells, at);
            }
        }
    }
}
