//! Which encodings a request asks for.

use crate::{
    Encoding, EncodingChoice, EncodingSupport, Encodings, Modality, ModalitySet, ServerInfo, View,
    encoding::{Auto, Measured},
};

/// What the server has, and what measurement says of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Negotiator {
    offered: EncodingSupport,
    pub(crate) auto: Auto,
}

impl Negotiator {
    /// A connection is open; `None` to a plain server, which encodes nothing.
    pub(crate) fn opened(&mut self, info: Option<&ServerInfo>) {
        self.offered = info.map(|info| info.encodings).unwrap_or_default();
        self.auto.forget_link();
    }

    /// An image came encoded.
    pub(crate) fn encoded(&mut self, measured: &Measured) {
        self.auto.encoded(measured);
    }

    /// Replaces what a view leaves to be decided by what this server is to be asked.
    pub(crate) fn resolve(&self, view: &mut View, modalities: ModalitySet) {
        let chosen = view.encodings;
        view.encodings = modalities.iter().fold(Encodings::UNSET, |all, modality| {
            match self.best(modality, chosen.get(modality)) {
                Encoding::Raw => all,
                encoding => all.with(modality, encoding),
            }
        });
    }

    fn best(&self, modality: Modality, choice: Option<EncodingChoice>) -> Encoding {
        let wanted = match choice {
            None => Encoding::Raw,
            Some(EncodingChoice::Auto) => self.auto.choose(modality),
            Some(EncodingChoice::Use(encoding)) => encoding,
        };
        // In the order of what they save; the last is always there.
        let choices = [wanted, Encoding::Lossless];
        let choices = choices.into_iter().filter(|_| wanted != Encoding::Raw);
        let mut choices = choices.filter(|encoding| self.offered.can_use(modality, *encoding));
        choices.next().unwrap_or(Encoding::Raw)
    }
}
