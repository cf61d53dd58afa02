//! `#[conformance]`: registers a function as a test of the conformance suites.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprArray, Ident, ItemFn, Lit, Meta, Path, Token};

/// Registers `fn name(lab: &mut Lab) -> Outcome` as a test.
///
/// ```ignore
/// /// The point of the test, in a sentence.
/// #[conformance(req = create_io_sq::CQID_NOT_CREATED)]
/// fn refuses_to_bind_to_a_completion_queue_never_created(lab: &mut Lab) -> Outcome { .. }
/// ```
///
/// `req = path` or `reqs = [path, ..]` name the requirements that the test is for; the paths are
/// looked up in `spec::requirement`. At the end of the test the lab claims that each of them was judged.
///
/// `hazard = erasing`, `disruptive` or `irreversible` says how much harm the test may do to a controller
/// (`lab::Hazard`); without it: none. It is what an owner is asked for before a run; the lab itself
/// performs no action beyond what was consented to.
#[proc_macro_attribute]
pub fn conformance(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let attribute = syn::parse_macro_input!(attribute as Conformance);
    let function = syn::parse_macro_input!(item as ItemFn);
    expand(&attribute, &function).unwrap_or_else(Error::into_compile_error).into()
}

struct Conformance {
    requirements: Vec<Path>,
    /// The variant of `lab::Hazard`.
    hazard: Ident,
}

impl Parse for Conformance {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key: Ident = input
            .parse()
            .map_err(|e| Error::new(e.span(), "expected `req = path` or `reqs = [path, ..]`"))?;
        input.parse::<Token![=]>()?;
        let requirements = match key.to_string().as_str() {
            "req" => vec![input.parse()?],
            "reqs" => paths_of(&input.parse()?)?,
            _ => return Err(Error::new(key.span(), "expected `req` or `reqs`")),
        };
        let mut hazard = Ident::new("Harmless", key.span());
        if input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            let key: Ident = input.parse()?;
            if key != "hazard" {
                return Err(Error::new(key.span(), "expected `hazard = ...`, or nothing more"));
            }
            input.parse::<Token![=]>()?;
            hazard = hazard_of(&input.parse()?)?;
            input.parse::<Option<Token![,]>>()?;
        }
        if !input.is_empty() {
            return Err(input.error("expected nothing more"));
        }
        Ok(Self { requirements, hazard })
    }
}

fn hazard_of(name: &Ident) -> syn::Result<Ident> {
    let variant = match name.to_string().as_str() {
        "erasing" => "Erasing",
        "disruptive" => "Disruptive",
        "irreversible" => "Irreversible",
        _ => {
            let what = "expected `erasing`, `disruptive` or `irreversible`";
            return Err(Error::new(name.span(), what));
        }
    };
    Ok(Ident::new(variant, name.span()))
}

fn paths_of(array: &ExprArray) -> syn::Result<Vec<Path>> {
    if array.elems.is_empty() {
        return Err(Error::new(array.span(), "a test is for at least one requirement"));
    }
    let path = |element: &Expr| match element {
        Expr::Path(path) => Ok(path.path.clone()),
        other => Err(Error::new(other.span(), "expected the path of a requirement")),
    };
    array.elems.iter().map(path).collect()
}

fn expand(attribute: &Conformance, function: &ItemFn) -> syn::Result<Tokens> {
    let doc = sentence(&function.attrs);
    if doc.is_empty() {
        let what = "a test begins with a doc comment: the point of it, in a sentence";
        return Err(Error::new(function.sig.ident.span(), what));
    }
    let name = &function.sig.ident;
    let text = name.to_string();
    let paths: Punctuated<&Path, Token![,]> = attribute.requirements.iter().collect();
    let hazard = &attribute.hazard;
    Ok(quote! {
        #function

        const _: () = {
            use ::lab::private::requirement::*;
            ::lab::private::inventory::submit! {
                ::lab::TestCase {
                    name: #text,
                    module: ::core::module_path!(),
                    doc: #doc,
                    requirements: &[#paths],
                    hazard: ::lab::Hazard::#hazard,
                    file: ::core::file!(),
                    line: ::core::line!(),
                    run: #name,
                }
            }
        };
    })
}

/// The doc comment as one line.
fn sentence(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_string()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    lines.join(" ")
}
