//! Named facts about this installation as a whole.

use super::{Tx, error::Result, tx::Sql};

/// Statements on instance facts.
#[derive(Debug)]
pub struct Instance<'t>(&'t mut Tx);

impl Tx {
    pub fn instance(&mut self) -> Instance<'_> {
        Instance(self)
    }
}

impl Instance<'_> {
    pub async fn get(&mut self, name: &str) -> Result<Option<String>> {
        self.0.optional_value(include_str!("sql/instance_get.sql"), &[name.into()]).await
    }

    /// Reads a fact that nobody changes until the transaction ends.
    pub async fn get_kept(&mut self, name: &str) -> Result<Option<String>> {
        let sql = Sql::parted(
            include_str!("sql/instance_get.sql"),
            include_str!("sql/instance_get_kept.postgres.sql"),
        );
        self.0.optional_value(sql, &[name.into()]).await
    }

    /// Reads a fact that only the caller may change until the transaction ends: `None` also while somebody else may.
    pub async fn take(&mut self, name: &str) -> Result<Option<String>> {
        let sql = Sql::parted(
            include_str!("sql/instance_get.sql"),
            include_str!("sql/instance_take.postgres.sql"),
        );
        self.0.optional_value(sql, &[name.into()]).await
    }

    pub async fn remove(&mut self, name: &str) -> Result<()> {
        self.0.execute(include_str!("sql/instance_remove.sql"), &[name.into()]).await?;
        Ok(())
    }

    pub async fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let args = [name.into(), value.into()];
        self.0.execute(include_str!("sql/instance_set.sql"), &args).await?;
        Ok(())
    }

    /// Keeps `value` under `name` unless there is one already, and answers what stands there then. Of
    /// several processes that start at once, all get the same answer.
    pub async fn settle(&mut self, name: &str, value: &str) -> Result<String> {
        let args = [name.into(), value.into()];
        self.0.execute(include_str!("sql/instance_settle.sql"), &args).await?;
        self.0.value(include_str!("sql/instance_get.sql"), &[name.into()]).await
    }
}
